"""Run stage visualize: `python -m stages.visualize`."""

from stages.visualize.stage import main

if __name__ == "__main__":
    main()

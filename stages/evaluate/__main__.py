"""Run stage evaluate: `python -m stages.evaluate`."""

from stages.evaluate.stage import main

if __name__ == "__main__":
    main()

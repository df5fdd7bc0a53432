"""Run stage prepare: `python -m stages.prepare`."""

from stages.prepare.stage import main

if __name__ == "__main__":
    main()

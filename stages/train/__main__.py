"""Run stage train: `python -m stages.train`."""

from stages.train.stage import main

if __name__ == "__main__":
    main()

"""Run stage weights: `python -m stages.weights`."""

from stages.weights.stage import main

if __name__ == "__main__":
    main()

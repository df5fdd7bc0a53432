"""Run stage download: `python -m stages.download`."""

from stages.download.stage import main

if __name__ == "__main__":
    main()

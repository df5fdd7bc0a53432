"""Stages of the pipeline: one folder per node of dvc.yaml, run as `python -m stages.NAME`."""

import sys
from typing import Any


def explain(kind: Any, error: Any, trace: Any) -> None:
    """Print errors caused by the wrong Python without a traceback: no active environment, or an old one.

    Ctrl-C before the stage has begun prints no traceback either.
    """
    if issubclass(kind, KeyboardInterrupt):
        print("stopped", file=sys.stderr)
        return
    name = (getattr(error, "name", None) or "").partition(".")[0]
    ours = not isinstance(error, ModuleNotFoundError) or name in ("", "sceneparse", "stages")
    if sys.version_info >= (3, 11) and ours:
        sys.__excepthook__(kind, error, trace)
        return
    print(
        f"""error: this Python cannot run the stages
  expected: Python 3.11 or later with the packages of pyproject.toml
  got:      Python {sys.version.split()[0]}: {error}
  file:     {sys.executable}
  next:     activate its environment (. .venv/bin/activate), or update it (pip install -c constraints.txt -e .)""",
        file=sys.stderr,
    )


if sys.argv[:1] == ["-m"]:  # only while `python -m stages.NAME` looks for NAME: other imports have no effect
    sys.excepthook = explain

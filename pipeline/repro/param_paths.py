"""Checks of params that name paths: dvc.yaml has them among its dependencies, as `${download.source}`.

Input: the project's root, or its graph. Invariant: DVC can watch a path that passes, and the path
exists or a stage makes it. DVC itself does not name the param of a missing file, and asks the network about an address.
"""

import shlex
from collections.abc import Iterable
from pathlib import Path

from pipeline.repro.project import Project, Stage
from sceneparse.core.errors import InputError
from sceneparse.core.fields import leaves
from sceneparse.params.loader import read_yaml
from sceneparse.params.whole import load_params

PARAMS = Path("params.yaml")


def check_params(root: Path) -> None:
    """Raise InputError for params that the stages refuse, if dvc.yaml takes paths from them."""
    if "${" in (root / "dvc.yaml").read_text():
        load_params(root / PARAMS)


def check_inputs(project: Project, stages: Iterable[Stage]) -> None:
    """Raise InputError for an input that a stage reads, no stage makes, and that does not exist."""
    for stage, path, tracked in project.missing(stages):
        params = leaves(read_yaml(project.root / PARAMS))
        keys = [key for key, value in params.items() if value == path]
        fix = f"fix {' and '.join(keys)} in {PARAMS} (docs/datasets.md)" if keys else "put it back"
        raise InputError(
            f"{stage} has nothing to read",
            expected="a file or a directory",
            got="none",
            file=path,
            next_step=f"dvc pull {shlex.quote(path)}, or dvc pull, which brings all results too" if tracked else fix,
        )

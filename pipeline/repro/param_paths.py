"""Params that name paths: dvc.yaml has them among its dependencies, as `${download.source}`.

Input: the project's root, or its graph. Invariant: what passes is a path that DVC can watch and that is there, or that
a stage makes. Of a missing file DVC says no more than that; of an address it asks the network.
"""

import shlex
from collections.abc import Iterable
from pathlib import Path

from ruamel.yaml import YAML

from pipeline.repro.project import Project, Stage
from sceneparse.core.errors import InputError
from sceneparse.params.whole import load_params

PARAMS = Path("params.yaml")


def check_params(root: Path) -> None:
    """Raise InputError for params that the stages refuse, where dvc.yaml takes paths from them."""
    if "${" in (root / "dvc.yaml").read_text():
        load_params(root / PARAMS)


def check_inputs(project: Project, stages: Iterable[Stage]) -> None:
    """Raise InputError for what a stage reads and nobody has put there."""
    for stage, path, tracked in project.missing(stages):
        keys = _keys(YAML(typ="safe", pure=True).load(project.root / PARAMS), path)
        fix = f"fix {' and '.join(keys)} in {PARAMS} (docs/own-data.md)" if keys else "bring it back"
        raise InputError(
            f"{stage} has nothing to read",
            expected="a file or a directory",
            got="nothing there",
            file=path,
            next_step=f"dvc pull {shlex.quote(path)}" if tracked else fix,
        )


def _keys(content: object, path: str, above: str = "") -> list[str]:
    """Dotted names of the params whose value is `path`."""
    if not isinstance(content, dict):
        return [above] if content == path else []
    return [name for key, value in content.items() for name in _keys(value, path, f"{above}.{key}".strip("."))]

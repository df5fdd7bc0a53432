"""Results of a run, read from the workspace or through DVC from a revision: scores, classes, curves, params, pictures.

Input: `workspace`, the name of an experiment, or a Git revision. Output: `Results`. DVC reads from its remote what its
cache lacks. Invariant: the workspace stays as it is; a revision without metrics is refused by name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.repro.param_paths import PARAMS
from pipeline.repro.stage_paths import stage_path
from sceneparse.core.documents import load_yaml
from sceneparse.core.errors import InputError, shortened
from sceneparse.core.fields import leaves
from sceneparse.report.charts import Chart
from sceneparse.report.measured import ClassRow, read_charts, read_rows
from sceneparse.scores.results import Scores, read_scores

WORKSPACE = "workspace"
KINDS = ("image", "truth", "prediction")  # of pictures


@dataclass(frozen=True)
class Results:
    """Results of a run. pictures: files of each scene, by its name and by kind; empty where they cannot be had."""

    name: str
    scores: Scores
    classes: list[ClassRow]
    charts: list[Chart]
    params: dict[str, Any]
    pictures: dict[str, dict[str, Path]]


def read_results(root: Path, name: str, folder: Path) -> Results:
    """Return the results of a run; files of a revision are put into `folder`, an empty one. Raises InputError."""
    scores, per_class, curves = (stage_path(flag, root) for flag in ("--scores", "--per-class", "--curves"))
    pictures = stage_path("--report", root) / "pictures"
    if name == WORKSPACE:
        folder = root
    else:
        get = _reader(root, name, folder)
        for path in (scores, per_class):
            if reason := get(path):
                raise InputError(
                    f"{name} has no metrics",
                    expected=f"{path}, in Git, in DVC's cache or in its remote",
                    got=reason,
                    file=root,
                    next_step="where it was made: dvc push, or dvc exp push; to make it here: sceneparse run",
                )
        for path in (curves, pictures, PARAMS):
            get(path)
    files = {path.stem: path for path in sorted((folder / pictures).glob("*.png"))}
    stems = dict.fromkeys(stem.rpartition("-")[0] for stem in files)
    scenes = {stem: {kind: files[f"{stem}-{kind}"] for kind in KINDS if f"{stem}-{kind}" in files} for stem in stems}
    params = folder / PARAMS
    return Results(
        name=name,
        scores=read_scores(folder / scores),
        classes=read_rows(folder / per_class, ClassRow),
        charts=read_charts(folder / curves),
        params=leaves(load_yaml(params)) if params.is_file() else {},
        pictures={stem: kinds for stem, kinds in scenes.items() if len(kinds) == len(KINDS)},
    )


def _reader(root: Path, revision: str, folder: Path) -> Callable[[Path], str]:
    """Return a function that puts a path of a revision into `folder`; it returns the reason if it cannot, or ''."""
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.scm import resolve_rev

    try:
        with Repo(str(root)) as repo:
            commit = resolve_rev(repo.scm, revision)
            # With the workspace's config: the remotes of today, and this machine's credentials.
            config = dict(repo.config)
            below = root.resolve().relative_to(Path(repo.scm.root_dir).resolve())  # Git's top, the root of `files`
    except DvcException as error:
        raise InputError(
            "there is no such run",
            expected=f"{WORKSPACE}, an experiment, or a Git revision of this project",
            got=f"{revision}: {shortened(str(error), 200)}",
            file=root,
            next_step="sceneparse compare --all lists the experiments; git fetch, or dvc exp pull, brings others",
        ) from None
    # Git's top is no DVC repository where the project is a folder below it: then DVC opens the project as a subrepo.
    files = DVCFileSystem(
        str(root), rev=commit, subrepos=True, config=config, repo_factory=partial(_open_subrepo, config)
    )

    def get(path: Path) -> str:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        try:
            files.get((below / path).as_posix(), str(folder / path), recursive=True)
        except (DvcException, OSError) as error:
            return shortened(str(error) or type(error).__name__, 200)
        return "" if (folder / path).exists() else f"no {path}"

    return get


def _open_subrepo(config: dict[str, Any], path: str, **options: Any) -> Any:
    """Return the DVC repository at `path` of a revision, with the workspace's config in place of the revision's."""
    from dvc.repo import Repo

    return Repo(path, config=config, **options)

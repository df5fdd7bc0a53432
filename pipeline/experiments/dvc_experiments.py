"""DVC experiments that run apart from the workspace.

Input: a DVC repository that is also a Git repository. Output: DVC's own refs below refs/exps, so that `dvc exp show`,
`apply`, `branch`, `push` and `remove` work. Invariant: in the workspace only those refs change, each atomically. `dvc
exp run --temp` breaks that: for a moment it stashes uncommitted changes, detaches HEAD and edits params.yaml, and a
kill leaves the workspace in that state. So an experiment runs in a checkout of its own that shares DVC's cache, and Git
fetches its ref at the end.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.repro.dvc_commands import LAST_LINES, CommandError, run_dvc, stage_environment
from pipeline.repro.dvc_errors import passes
from pipeline.repro.lockfile import LOCK
from pipeline.repro.param_paths import PARAMS
from pipeline.repro.process import OnOutput
from pipeline.repro.project import Project
from sceneparse.core.documents import parse_yaml
from sceneparse.core.errors import InputError
from sceneparse.core.fields import leaves
from sceneparse.core.files import write_text

KEPT = Path("state")  # kept when a checkout is made again: training resumes from it


@dataclass(frozen=True)
class Baseline:
    """Start of experiments, read at one moment: a commit, and the uncommitted changes of files that Git tracks.

    `changes` is a patch of the whole Git repository, in which the project may be a folder. It omits params.yaml, which
    each experiment gets whole, and dvc.lock, which records results and changes none: experiments
    get the committed one, or before the first commit of it the workspace's.
    """

    root: Path
    top: Path  # Git's top level: `root`, or a folder above it
    commit: str
    changes: bytes

    @classmethod
    def of(cls, root: Path) -> "Baseline":
        """Return the workspace's present state. Raises InputError without a commit."""
        try:
            top = os.fsdecode(_git(root, "rev-parse", "--show-toplevel")).splitlines()[0]
        except CommandError as error:
            got = "; ".join(error.last)
            step = "git init, git add --all, git commit" if "not a git repository" in got else "follow Git's message"
            raise _refusal(root, got, step) from None
        try:
            commit, index = os.fsdecode(_git(root, "rev-parse", "HEAD", "--git-path", "index")).splitlines()
        except CommandError:
            raise _refusal(root, f"{top} has no commit", "git add --all, git commit") from None
        needed = {".dvc/config", "dvc.yaml"}
        if missing := needed - set(_git(root, "ls-files", "--", *needed).decode().splitlines()):
            raise _refusal(root, f"{top} does not track {', '.join(sorted(missing))}", "git add --all, git commit")
        plain = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--src-prefix=a/", "--dst-prefix=b/")
        everywhere = (":(top)", f":(exclude){PARAMS}", ":(exclude)dvc.lock")
        with TemporaryDirectory() as spare:  # `git diff` writes to the index
            copied = shutil.copy2(root / index, spare)  # copy2: the index's time tells Git which files to compare whole
            changes = _git(
                root, "diff", "--binary", "--no-relative", *plain, "HEAD", "--", *everywhere, GIT_INDEX_FILE=copied
            )
        return cls(root.resolve(), Path(top), commit, changes)

    def unknown(self, params: Iterable[str] = ()) -> list[str]:
        """Return the files that Git neither tracks nor ignores: experiments lack them.

        Data that is linked into an experiment with one of `params` is left out.
        """
        dvc_yaml = (self.root / "dvc.yaml").read_text()
        data = {path for text in params for path in _data_paths(dvc_yaml, text) if ".." not in path.parts}
        tracked = "--literal-pathspecs", "ls-files", "-z", "--"
        linked = {path for path in data if not _git(self.root, *tracked, str(path))}
        names = os.fsdecode(_git(self.root, "ls-files", "-z", "--others", "--exclude-standard")).split("\0")
        unknown = [name for name in names if name and name not in (str(PARAMS), "dvc.lock")]
        return [name for name in unknown if linked.isdisjoint([Path(name), *Path(name).parents])]

    def digest(self, params: str) -> str:
        """Return eight hex digits that identify the commit, the changes to it and `params`."""
        parts = (self.commit.encode(), hashlib.sha256(self.changes).digest(), params.encode())
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:8]

    def run(self, name: str, params: str, folder: Path, on_output: OnOutput) -> None:
        """Run the experiment `name`, with `params` as its params.yaml, in a checkout at `folder`; leave it there.

        The project is at `project(folder)`. Its output also goes to a log beside the folder. Training resumes from
        state that a killed run left in the folder. Raises CommandError with the failed stage's own last lines.
        """
        from dvc.repo.experiments.refs import ExpRefInfo

        project = self.project(folder)
        self._check_out(folder)
        write_text(project / PARAMS, params)
        self._link_data(name, folder, params)
        if (self.root / LOCK).exists() and not (project / LOCK).exists():
            shutil.copy(self.root / LOCK, project)  # not committed yet: without it DVC warns of every output
        run_dvc(
            project,
            ["exp", "run", "--name", name],
            on_output,
            name=f"experiment {name}",
            log=folder.with_name(f"{name}.log"),
            DVC_EXP_AUTO_PUSH="false",  # the checkout has no remote to push to
            DVC_SITE_CACHE_DIR=str(project / ".dvc/tmp/site"),  # of use to this checkout alone
        )
        ref = str(ExpRefInfo(self.commit, name))
        _git(self.top, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(folder), f"{ref}:{ref}")
        if not _git(self.top, "for-each-ref", ref):  # Git only warns when it refuses the ref of a shallow repository
            reason = f"no branch has its commit {self.commit[:7]} any more: a partial or shallow clone needs one"
            raise CommandError(f"git fetch of experiment {name}", [reason], may_pass=False)

    def project(self, folder: Path) -> Path:
        """Return the project's path in a checkout at `folder`."""
        return folder / self.root.relative_to(self.top)

    def strip(self, folder: Path) -> None:
        """Remove a checkout except for the state from which its training resumes."""
        _strip(folder, self.project(folder) / KEPT)

    def _check_out(self, folder: Path) -> None:
        """Make `folder` a repository of its own with the baseline's files; keep the project's state/."""
        from dvc.config import Config
        from dvc.config_schema import RelPath
        from dvc.repo import Repo

        self.strip(folder)
        folder.mkdir(parents=True, exist_ok=True)
        _git(folder, "init", "--quiet")
        _git(
            folder,
            *("fetch", "--quiet", "--no-tags", "--update-shallow", *self._depth(), str(self.top), self.commit),
            GIT_NO_LAZY_FETCH="0",  # the workspace may get objects that it lacks, as for a command of its own
        )
        _git(folder, "checkout", "--quiet", "--detach", self.commit)
        if self.changes:
            _git(folder, "apply", "--index", "--whitespace=nowarn", "-", standard_input=self.changes)
        for key in ("user.name", "user.email"):
            if identity := os.fsdecode(_git(self.root, "config", "--default", "", "--get", key)).strip():
                _git(folder, "config", key, identity)
        with Repo(str(self.root)) as workspace, Config(str(self.project(folder) / ".dvc")).edit("local") as local:
            local.update(workspace.config.read("local"))
            local["cache"]["dir"] = RelPath(
                workspace.cache.local_cache_dir
            )  # relative, because DVC's config takes ASCII only

    def _depth(self) -> list[str]:
        """Return the options by which Git fetches the baseline from a partial clone, which lacks earlier files.

        From other clones Git fetches all commits, so that the experiment's ref comes back whatever happens to branches.
        """
        names = _git(self.top, "config", "--list", "--name-only").splitlines()
        partial = any(re.fullmatch(rb"remote\..*\.promisor|extensions\.partialclone", name) for name in names)
        return ["--depth", "1"] if partial else []

    def _link_data(self, name: str, folder: Path, params: str) -> None:
        """Link data that params name by a relative path and Git does not track: only the workspace has it.

        A path may lead out of the repository by one level: what lies beside the repository is linked beside the
        checkout. Raises CommandError if it leads further, or if something else is in the place of the link.
        """
        project, workspace = self.project(folder), Project(self.root)
        for path in _data_paths((project / "dvc.yaml").read_text(), params):
            link, data = Path(os.path.normpath(project / path)), Path(os.path.normpath(self.root / path))
            if not data.exists() or workspace.makes(path):
                continue
            outside = not link.is_relative_to(folder)
            if outside and link.is_relative_to(folder.parent) and link != folder.parent:
                beside = link.relative_to(folder.parent).parts[0]  # whole: another path may lead into it, too
                link, data = folder.parent / beside, self.top.parent / beside
            if not os.path.lexists(link) and link.is_relative_to(folder.parent):
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(data)
            if outside and not (link.exists() and link.samefile(data)):
                refusal = InputError(
                    "an experiment cannot read this data by its relative path",
                    expected="the whole path, or one to a neighbour of the repository's folder",
                    got=str(path),
                    file=self.root / PARAMS,
                    next_step=f"write {os.path.normpath(self.root / path)}",
                )
                raise CommandError(f"experiment {name}", str(refusal).splitlines(), may_pass=False)


def _data_paths(dvc_yaml: str, params: str) -> list[Path]:
    """Return the relative paths that dvc.yaml takes from the params; `${item}` of a stage with foreach is none."""
    values = leaves(parse_yaml(params))
    named = [values.get(key) for key in re.findall(r"\$\{([\w.]+)\}", dvc_yaml)]
    paths = dict.fromkeys(Path(os.path.normpath(value)) for value in named if value and isinstance(value, str))
    return [path for path in paths if not path.is_absolute()]


def _strip(folder: Path, kept: Path) -> None:
    """Remove everything in `folder` except `kept`, a path below it."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_symlink() or not path.is_dir():
            path.unlink()
        elif kept.is_relative_to(path):
            if path != kept:
                _strip(path, kept)
        else:
            shutil.rmtree(path)


def _refusal(root: Path, got: str, next_step: str) -> InputError:
    return InputError(
        "experiments start from a commit",
        expected="a Git repository, of the project or of folders above it, with a commit of the project",
        got=got,
        file=root,
        next_step=next_step,
    )


def _git(folder: Path, *arguments: str, standard_input: bytes = b"", **environment: str) -> bytes:
    return output_of(["git", *arguments], cwd=folder, standard_input=standard_input, **environment)


def output_of(command: Sequence[str], *, cwd: Path, standard_input: bytes = b"", **environment: str) -> bytes:
    """Return a command's standard output. Raises CommandError."""
    environment = stage_environment() | environment
    try:
        done = subprocess.run(command, cwd=cwd, env=environment, input=standard_input, capture_output=True, check=False)
    except FileNotFoundError:
        raise CommandError(command[0], ["it is not installed, or not on PATH"], may_pass=False) from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines()
        raise CommandError(" ".join(command[:4]), lines[-LAST_LINES:], passes(lines))
    return done.stdout

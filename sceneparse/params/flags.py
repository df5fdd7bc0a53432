"""The command line that every stage shares: paths in and out as flags, params from params.yaml.

dvc.yaml holds the paths, so only `--params` has a default.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from inspect import get_annotations
from pathlib import Path

import psutil

from sceneparse.core.collecting import own_process
from sceneparse.core.ends import end_with, exit_on_stops, process_of, starter
from sceneparse.core.errors import TRY_AGAIN, InputError, exit_with, printable_lines
from sceneparse.core.file_errors import files_understood, flush_output
from sceneparse.core.progress import AboveBars
from sceneparse.core.stage_deps import code_digest, named_paths
from sceneparse.core.tensorflow_loading import show_all
from sceneparse.params.whole import Params, load_params

EPILOG = f"""example, with the paths that dvc.yaml gives:
  dvc repro --single-item {{}}

exit status: 0 = done, 1 = refused or stopped (standard error says why), 2 = wrong usage,
{TRY_AGAIN} = failed for now, as a download or on a full disk, 128 + a signal's
number = stopped by it, 130 by Ctrl-C"""

SET_BY_DVC = "DVC_STAGE"  # environment variable of all commands that DVC runs
ENDS_WITH = "SCENEPARSE_ENDS_WITH"  # environment variable: id of a process whose end ends the stages too


def _print(record: logging.LogRecord) -> bool:
    """Make a message printable: it may name classes and files."""
    record.msg, record.args = printable_lines(record.getMessage()), ()
    return True


def run_stage(stage: Callable[..., None], reads: dict[str, str], writes: dict[str, str]) -> None:
    """Parse flags, load the params and call `stage(params, **paths)`.

    `reads` and `writes` map each path's name to its meaning, for `--help`. An InputError is printed without a
    traceback and exits with 1, a TransientError with TRY_AGAIN; Ctrl-C, SIGTERM and SIGHUP exit with 128 + their
    number. A stage that DVC started is stopped when DVC has ended.
    """
    own_process()
    module = sys.modules[stage.__module__]
    parser = argparse.ArgumentParser(
        prog=f"python -m stages.{stage.__name__}",
        description=module.__doc__,
        epilog=EPILOG.format(stage.__name__),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for title, paths in (("reads", reads), ("writes", writes)):
        group = parser.add_argument_group(title)
        for name, meaning in paths.items():
            group.add_argument(f"--{name.replace('_', '-')}", type=Path, required=True, metavar="PATH", help=meaning)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="PATH", help="default: params.yaml")
    parser.add_argument("--debug", action="store_true", help="show errors' tracebacks, and all that TensorFlow says")
    flags = vars(parser.parse_args())
    if debug := flags.pop("debug"):
        show_all()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", handlers=[AboveBars()])
    for handler in logging.getLogger().handlers:
        handler.addFilter(_print)
    stops = exit_on_stops()
    end_with(_owners(), stops)
    try:
        with files_understood():
            try:
                file = flags.pop("params")
                params: Params = load_params(file)
                with _unedited(stage, file) if SET_BY_DVC in os.environ else nullcontext():
                    stage(params, **flags)
            finally:
                flush_output()
    except BaseException as error:
        if debug:
            raise
        if stops:  # libraries may turn SystemExit into other exceptions
            print(f"stopped: {stage.__name__} is not done, run it again", file=sys.stderr)
            sys.exit(128 + stops[0])
        if not isinstance(error, InputError):
            raise
        exit_with(error)


def _owners() -> list[psutil.Process | None]:
    """Return the processes with which this stage ends: DVC and the one that ENDS_WITH names, where there is one."""
    owners = [starter(SET_BY_DVC)] if SET_BY_DVC in os.environ else []
    if number := os.environ.get(ENDS_WITH):
        owners.append(process_of(int(number)))
    return owners


@contextmanager
def _unedited(stage: Callable[..., None], file: Path) -> Iterator[None]:
    """Raise InputError if the stage's params, its code or a path that they name change in the block.

    DVC reads them when a command has ended: it would record the outputs as those of the new ones, and never run the
    stage with them.
    """
    sections = get_annotations(sys.modules[stage.__module__].Sections)

    def now() -> dict[str, object]:
        params = load_params(file)
        values = {f"section {name} of {file}": getattr(params, name) for name in sections}
        paths = {str(path): _versions(path) for path in named_paths(stage.__name__, params.model_dump())}
        return {**values, **paths, "its code": code_digest(stage.__name__)}

    before = now()
    yield
    if edited := [name for name, value in now().items() if value != before.get(name)]:
        raise InputError(
            f"what stage {stage.__name__} depends on was edited while it ran, so its outputs are not recorded",
            expected=f"params, code and sources of stage {stage.__name__} as they were at its start",
            got=f"changes of {' and '.join(edited)}",
            file=file,
            next_step="run again; with the old params and code put back, a complete training only writes its outputs",
        )


def _versions(path: Path) -> list[tuple[str, int, int]]:
    """Return a file's name, size and time of its last change; those of all files of a folder."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    stats = ((str(each), each.stat()) for each in files if each.exists())
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]

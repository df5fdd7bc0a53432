"""A process that runs flows on request: Prefect and DVC are imported once for many tests, and not into theirs.

Each line of standard input is a request, [function, directory, environment, keyword arguments]; each is
answered with a line of JSON.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def flow(**parameters: Any) -> dict[str, Any]:
    """Run the flow."""
    from pipeline.flow import flow as flows

    flows.RETRY_SECONDS[:] = [0.1, 0.1, 0.1]
    with contextlib.redirect_stdout(io.StringIO()) as output:
        state = flows.sceneparse(**parameters, return_state=True)
    passes = flows.may_pass(state.result(raise_on_failure=False))
    return {"name": state.name, "message": state.message, "output": output.getvalue(), "may_pass": passes}


def status() -> list[str]:
    """Stages that `dvc status` calls changed."""
    from dvc.repo import Repo

    with Repo() as repo:
        return list(repo.status())


def serve() -> None:
    """Answer requests until there are no more."""
    for line in sys.stdin:
        name, directory, environment, arguments = json.loads(line)
        os.chdir(directory)
        os.environ.update(environment)
        sys.stdout.write(json.dumps({"flow": flow, "status": status}[name](**arguments)) + "\n")
        sys.stdout.flush()


class FlowProcess:
    """Such a process, seen from a test. `environment` holds from its start."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._log = log.open("w")
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def ask(self, name: str, directory: Path, environment: dict[str, str], **arguments: Any) -> Any:
        """The answer to a request."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([name, str(directory), environment, arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, Path(self._log.name).read_text()[-3000:]
        return json.loads(answer)

    def close(self) -> None:
        """End it."""
        self._process.communicate()
        self._log.close()


if __name__ == "__main__":
    serve()

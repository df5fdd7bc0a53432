"""Fixtures of all tests, and the order in which they run."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
for variable in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[variable]  # tests stay on this machine
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # processes that the tests start read their modules sooner
# A shell lets what it starts with & ignore Ctrl-C, and every process started from there would, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and nohup a hangup

# Files that take long, the longest group first; one process runs those of a group, which share what takes long to make.
GROUPS = {
    "test_run.py": "prefect",
    "test_serve.py": "prefect",
    "test_deployment.py": "prefect",
    "test_server.py": "prefect",
    "test_own_server.py": "prefect",
    "test_lateness.py": "prefect",
    "test_pipeline.py": "trained",
    "test_remotes.py": "trained",
    "test_disk_workspace.py": "trained",
    "test_baseline.py": "trained",
    "test_sweep.py": "trained",
    "test_workers.py": "workers",
    "test_flows.py": "flows",
    "test_train.py": "train",
    "test_training.py": "training",
    "test_updates.py": "updates",
    "test_export.py": "export",
    "test_kill.py": "kill",
    "test_sources.py": "sources",
    "test_refusals.py": "refusals",
    "test_web.py": "web",
    "test_web_server.py": "web",
    "test_ancestor.py": "ancestor",
    "test_train_step.py": "benchmarks",
}


def pytest_collection_modifyitems(items):
    """Put the long ones first, so that no process is left alone with one of them at the end."""
    order = [*GROUPS]
    items.sort(key=lambda item: order.index(item.path.name) if item.path.name in GROUPS else len(order))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Deal out whole groups, and files that are in none."""
    from xdist.scheduler import LoadFileScheduling

    class ByGroup(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return GROUPS.get(Path(file).name, file)

    return ByGroup(config, log)


@pytest.fixture(autouse=True)
def _plain_precision():
    """Leaves the next test in the process float32: a Trainer sets Keras's policy, even where it then refuses."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].config.set_dtype_policy("float32")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def unprivileged():
    """Return the words before a command that take from root the right to read what a file's mode forbids."""
    if os.geteuid():
        return []
    less = "-dac_override,-dac_read_search"
    prefix = ["setpriv", f"--bounding-set={less}", f"--inh-caps={less}"]
    if not shutil.which("setpriv") or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("root may read everything, and here it cannot give that up: setpriv is missing, or refused")
    return prefix


@pytest.fixture
def port():
    """A port of loopback that refuses connections."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        yield nobody.getsockname()[1]


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A workspace in which `dvc repro` has run once, dvc.lock committed. Not to be changed: clone or copy it."""
    from workspace import Workspace, tiny

    workspace = tiny(Workspace(tmp_path_factory.mktemp("trained") / "project"))
    workspace.run("dvc", "repro")
    workspace.repro_errors = workspace.errors
    workspace.commit("trained")
    return workspace


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory):
    """Prefect's folder with an empty database. Not to be changed: copy it."""
    from prefect_server import migrate

    home = tmp_path_factory.mktemp("prefect") / "home"
    migrate(home)
    return home


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory, prefect_home):
    """One Prefect server for all tests that need one."""
    from prefect_server import prefect_server

    with prefect_server(tmp_path_factory.mktemp("prefect-api") / "home", prefect_home) as server:
        yield server


class _Webhook(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def webhook():
    """A server that is sent messages; `received` has their bodies."""
    with HTTPServer(("127.0.0.1", 0), _Webhook) as server:
        server.received = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()

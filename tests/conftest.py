"""What all tests share."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A workspace in which `dvc repro` has run once, dvc.lock committed. Not to be changed: clone or copy it."""
    from workspace import Workspace, tiny

    workspace = tiny(Workspace(tmp_path_factory.mktemp("trained") / "project"))
    workspace.run("dvc", "repro")
    workspace.commit("trained")
    return workspace


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory):
    """One Prefect server for all tests that need one."""
    from prefect_server import prefect_server

    with prefect_server(tmp_path_factory.mktemp("prefect") / "home") as server:
        yield server

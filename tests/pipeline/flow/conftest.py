"""Mirrors of the project for tests of servers."""

import shutil

import pytest


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A mirror whose stages have run."""
    from mirror import Mirror

    mirror = Mirror(tmp_path_factory.mktemp("built") / "project")
    mirror.run("dvc", "repro")
    return mirror


@pytest.fixture
def mirror(built, tmp_path, prefect_home):
    """A copy of that mirror, with no server configured."""
    from mirror import Mirror
    from prefect_server import quiet_environment

    shutil.copytree(prefect_home, tmp_path / "home")
    shutil.copytree(built.path, tmp_path / "project", symlinks=True)
    mirror = Mirror(tmp_path / "project", quiet_environment(tmp_path / "home"))
    mirror.environment.pop("PREFECT_API_URL", None)
    return mirror

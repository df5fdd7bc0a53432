"""Fixture of convert's tests: they name folders as a user does, below the current one."""

import pytest


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path

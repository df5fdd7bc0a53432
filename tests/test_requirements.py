"""The locked packages: what is installed is what constraints.txt names, and the oldest Python promised takes it."""

import tomllib
from importlib.metadata import distributions

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name


@pytest.fixture(scope="module")
def locked(root):
    """The packages of constraints.txt that are installed, with the version that it names."""
    lines = (line.partition("#")[0].strip() for line in (root / "constraints.txt").read_text().splitlines())
    versions = {
        canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines if line)
    }
    found = {canonicalize_name(each.name): each for each in distributions()}
    return [(found[name], version) for name, version in versions.items() if name in found]


def test_the_locked_versions_are_installed(locked):
    assert len(locked) > 150
    assert [each.name for each, version in locked if each.version != version] == []


def test_they_take_the_oldest_python_promised(locked, root):
    promised = SpecifierSet(tomllib.loads((root / "pyproject.toml").read_text())["project"]["requires-python"])
    (oldest,) = (specifier.version for specifier in promised if specifier.operator == ">=")
    first = f"{oldest}.0" if oldest.count(".") == 1 else oldest
    wanted = {each.name: each.metadata.get("Requires-Python", "") for each, _ in locked}
    assert {name: python for name, python in wanted.items() if not SpecifierSet(python).contains(first)} == {}

"""The locked packages: constraints.txt is whole and consistent for each Python and system that the project promises.

Nothing is installed and no index is asked: the requirements of a package are read from the copy installed here.
"""

import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from typing import NamedTuple

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

SYSTEMS = {
    "linux": {"platform_system": "Linux", "platform_machine": "x86_64"},
    "darwin": {"platform_system": "Darwin", "platform_machine": "arm64"},
}
PYTHONS = ("3.11", "3.12", "3.13")


class Wanted(NamedTuple):
    """A requirement, and the package and extra that have it."""

    requirement: Requirement
    by: str


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def locked(root) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in (root / "constraints.txt").read_text().splitlines())
    return [Requirement(line) for line in lines if line]


@pytest.fixture(scope="module")
def installed() -> dict[str, Distribution]:
    return {canonicalize_name(each.name): each for each in distributions()}


def versions_for(locked: list[Requirement], environment: dict[str, str]) -> dict[str, str]:
    """Return the locked version of each package in this environment."""
    versions = {}
    for each in locked:
        if each.marker is None or each.marker.evaluate(environment):
            name = canonicalize_name(each.name)
            assert name not in versions, f"{name} is locked twice for {environment}"
            (specifier,) = each.specifier
            assert specifier.operator == "==", f"{each} is no exact version"
            versions[name] = specifier.version
    return versions


def requirements(
    project: dict, installed: dict[str, Distribution], environment: dict[str, str], extras: list[str]
) -> Iterator[Wanted]:
    """Yield everything that the project and these extras require, directly and through installed packages."""
    texts = {"": project["dependencies"], **project["optional-dependencies"]}
    waiting = [(project["name"], extra) for extra in ["", *extras]]
    visited = set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in visited:
            continue
        visited.add((name, extra))
        if name == project["name"]:
            wanted = [Requirement(text) for text in texts[extra]]
        elif name in installed:
            wanted = [Requirement(text) for text in installed[name].requires or ()]
        else:
            continue  # an extra that is not installed here: its own packages are unknown
        for each in wanted:
            if each.marker is None or each.marker.evaluate(environment | {"extra": extra}):
                other = canonicalize_name(each.name)
                waiting += [(other, chosen) for chosen in ["", *each.extras]]
                if other != project["name"]:
                    yield Wanted(each, f"{name}[{extra}]" if extra else name)


def test_the_locked_versions_are_installed(locked, installed):
    versions = versions_for(locked, dict(default_environment()))
    here = {name: (each.version, versions[name]) for name, each in installed.items() if name in versions}
    assert len(here) > 150
    assert {name: pair for name, pair in here.items() if pair[0] != pair[1]} == {}


def test_the_promised_pythons_begin_with_the_oldest_that_installs(project):
    classifiers = [text for text in project["classifiers"] if ":: Python :: 3." in text]
    assert classifiers == [f"Programming Language :: Python :: {python}" for python in PYTHONS]
    assert project["requires-python"] == f">={PYTHONS[0]}"


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_constraints_lock_all_that_an_environment_requires(project, locked, installed, python, system):
    environment = {
        **default_environment(),
        **SYSTEMS[system],
        "sys_platform": system,
        "python_version": python,
        "python_full_version": f"{python}.0",
    }
    versions = versions_for(locked, environment)
    extras = [extra for extra in project["optional-dependencies"] if (extra, system) != ("gpu", "darwin")]
    faults = set()
    for requirement, by in requirements(project, installed, environment, extras):
        name = canonicalize_name(requirement.name)
        if name not in versions:
            faults.add(f"{requirement.name}: not locked, required by {by}")
        elif not requirement.specifier.contains(versions[name], prereleases=True):
            faults.add(f"{name}: locked {versions[name]}, but {by} requires {requirement}")
        elif name in installed and installed[name].version == versions[name]:
            pythons = installed[name].metadata.get("Requires-Python", "")
            if not SpecifierSet(pythons).contains(f"{python}.0"):
                faults.add(f"{name} {versions[name]} needs Python {pythons}")
    assert not faults, "\n".join(sorted(faults))

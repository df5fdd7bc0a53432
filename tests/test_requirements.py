"""The locked packages: constraints.txt is whole and consistent for each Python and system that the project promises.

Nothing is installed and no index is asked: the copies installed here say what the packages require.
"""

import tomllib
from collections.abc import Iterator
from importlib.metadata import distributions
from typing import NamedTuple

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

PYTHONS = ("3.11", "3.12", "3.13")
SYSTEMS = {
    "linux": {"platform_system": "Linux", "platform_machine": "x86_64"},
    "darwin": {"platform_system": "Darwin", "platform_machine": "arm64"},
}


class Package(NamedTuple):
    """An installed package: its version, the Pythons that it takes and the packages that it requires."""

    version: str
    pythons: SpecifierSet
    requirements: list[Requirement]


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def locked(root) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in (root / "constraints.txt").read_text().splitlines())
    return [Requirement(line) for line in lines if line]


@pytest.fixture(scope="module")
def installed() -> dict[str, Package]:
    return {
        canonicalize_name(metadata["Name"]): Package(
            metadata["Version"],
            SpecifierSet(metadata.get("Requires-Python", "")),
            [Requirement(text) for text in metadata.get_all("Requires-Dist", [])],
        )
        for metadata in (each.metadata for each in distributions())
    }


def versions_for(locked: list[Requirement], environment: dict[str, str]) -> dict[str, str]:
    """Return the version of each package that is locked for this environment."""
    versions: dict[str, str] = {}
    for each in locked:
        if each.marker is None or each.marker.evaluate(environment):
            (specifier,) = each.specifier
            assert specifier.operator == "=="
            assert versions.setdefault(canonicalize_name(each.name), specifier.version) == specifier.version
    return versions


def requirements(
    project: dict, installed: dict[str, Package], environment: dict[str, str], extras: list[str]
) -> Iterator[tuple[str, Requirement]]:
    """Yield who requires what, from the project with these extras down; packages not installed here end a branch."""
    itself = project["name"]
    texts = {"": project["dependencies"], **project["optional-dependencies"]}
    waiting, visited = [(itself, extra) for extra in ["", *extras]], set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in visited:
            continue
        visited.add((name, extra))
        if name == itself:
            wanted = [Requirement(text) for text in texts[extra]]
        else:
            wanted = installed[name].requirements if name in installed else []
        for each in wanted:
            if each.marker is None or each.marker.evaluate(environment | {"extra": extra}):
                other = canonicalize_name(each.name)
                waiting += [(other, chosen) for chosen in ["", *each.extras]]
                if other != itself:
                    yield name, each


def test_the_locked_versions_are_installed(locked, installed):
    versions = versions_for(locked, dict(default_environment()))
    both = {name: (package.version, versions[name]) for name, package in installed.items() if name in versions}
    assert len(both) > 150
    assert {name: pair for name, pair in both.items() if pair[0] != pair[1]} == {}


def test_the_metadata_promises_these_pythons(project):
    classifiers = [text for text in project["classifiers"] if ":: Python :: 3." in text]
    assert classifiers == [f"Programming Language :: Python :: {python}" for python in PYTHONS]
    promised = SpecifierSet(project["requires-python"])
    assert list(promised.filter(["3.10", *PYTHONS, "3.14"])) == list(PYTHONS)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_everything_that_an_environment_requires_is_locked(project, locked, installed, python, system):
    environment = {**default_environment(), **SYSTEMS[system], "sys_platform": system}
    environment |= {"python_version": python, "python_full_version": f"{python}.0"}
    versions = versions_for(locked, environment)
    extras = [extra for extra in project["optional-dependencies"] if (extra, system) != ("gpu", "darwin")]
    faults = set()
    for by, requirement in requirements(project, installed, environment, extras):
        name = canonicalize_name(requirement.name)
        if name not in versions:
            faults.add(f"{name} is not locked; {by} requires it")
            continue
        if not requirement.specifier.contains(versions[name], prereleases=True):
            faults.add(f"{name} is locked to {versions[name]}; {by} requires {requirement}")
        if name in installed and not installed[name].pythons.contains(f"{python}.0"):
            faults.add(f"{name} {installed[name].version} requires Python {installed[name].pythons}")
    assert not faults, "\n".join(sorted(faults))

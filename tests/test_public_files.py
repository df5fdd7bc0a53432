"""Files for people and services outside the project: they repeat facts that stand elsewhere."""

import re
import tomllib
from pathlib import Path

import pytest
import s3_gateway
import ssh_server
from ruamel.yaml import YAML


def read_yaml(path: Path):
    return YAML(typ="safe", pure=True).load(path)


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


def test_the_citation_names_this_version_and_license(root, project):
    citation = read_yaml(root / "CITATION.cff")
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert f"{project['license']} License" in (root / "LICENSE").read_text()


def test_checks_run_on_each_promised_python(root, project):
    matrix = read_yaml(root / ".github/workflows/check.yml")["jobs"]["check"]["strategy"]["matrix"]
    classifiers = [text for text in project["classifiers"] if ":: Python :: 3." in text]
    assert [f"Programming Language :: Python :: {python}" for python in matrix["python"]] == classifiers


@pytest.mark.parametrize("name", ["check", "nightly"])
def test_workflows_call_targets_of_the_makefile(root, name):
    (job,) = read_yaml(root / f".github/workflows/{name}.yml")["jobs"].values()
    runs = "\n".join(step.get("run", "") for step in job["steps"])
    called = re.findall(r"^make ([\w-]+)", runs, re.MULTILINE)
    assert called
    for target in called:
        assert re.search(rf"^{target}:", (root / "Makefile").read_text(), re.MULTILINE), target


def test_the_nightly_run_installs_every_program_that_the_tests_drive(root):
    (job,) = read_yaml(root / ".github/workflows/nightly.yml")["jobs"].values()
    installed = set(" ".join(step.get("run", "") for step in job["steps"]).split())
    assert {"chromium", *s3_gateway.PROGRAMS.values(), *ssh_server.PROGRAMS.values()} - installed == set()

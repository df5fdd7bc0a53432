"""macOS, imitated: every module imports and every command answers --help without what only Linux has."""

import ast
import json
import os
import re
import subprocess
import sys

import pytest

from sceneparse.core.parallel import usable_cpus

PACKAGES = ("sceneparse", "stages", "pipeline")
# Names of the standard library that CPython has on Linux and lacks on macOS, by module.
LINUX_ONLY = {
    "os": r"sched_(?!yield)\w+|[gs]etres[ug]id|posix_fa\w+|memfd_create|eventfd\w*|pidfd_open|splice|copy_file_range"
    r"|getrandom|\w+xattr|pipe2|fdatasync",
    "resource": r"prlimit",
    "select": r"epoll",
    "signal": r"SIGRT\w+|SIGPOLL|SIGPWR|SIGSTKFLT|sigtimedwait|sigwaitinfo",
}
# Removes those names, and prctl from C's library.
IMITATION = """
import ctypes, importlib, json, re, runpy, sys

for module, pattern in json.loads(sys.argv.pop(1)).items():
    names = vars(importlib.import_module(module))
    for name in filter(re.compile(pattern).fullmatch, list(names)):
        del names[name]

class Library(ctypes.CDLL):
    def __getattr__(self, name):
        if name == "prctl":
            raise AttributeError(name)
        return super().__getattr__(name)

ctypes.CDLL = Library
"""
SUPERVISE = "runpy.run_module('pipeline.repro.supervisor', run_name='__main__')"
HELP = """
from argparse import _SubParsersAction
from contextlib import redirect_stdout
from io import StringIO

def check(name, run, *arguments):
    sys.argv, said = [name, *arguments, "--help"], StringIO()
    try:
        with redirect_stdout(said):
            run()
    except SystemExit as end:
        assert not end.code, (sys.argv, end.code)
    assert said.getvalue().startswith("usage: "), (sys.argv, said.getvalue())

modules, stages = map(json.loads, sys.argv[1:])
for module in modules:
    importlib.import_module(module)

from pipeline.cli.main import main, make_parser

(commands,) = (action.choices for action in make_parser()._actions if isinstance(action, _SubParsersAction))
for command in [[], *([name] for name in commands)]:
    check("sceneparse", main, *command)
for stage in stages:
    check(stage, lambda: runpy.run_module(stage, run_name="__main__"))
print(len(commands))
"""


def run_without_linux(root, code, *arguments):
    command = [sys.executable, "-c", IMITATION + code, json.dumps(LINUX_ONLY), *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def sources(root):
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
    }


@pytest.mark.slow
def test_everything_imports_and_answers_help(sources, root):
    stages = [name.removesuffix(".__main__") for name in sources if name.endswith(".__main__")]
    modules = [name for name in sources if not name.endswith(".__main__")]
    assert len(stages) == 6
    done = run_without_linux(root, HELP, json.dumps(modules), json.dumps(stages))
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) > 10


def test_the_supervisor_runs_a_command(root):
    done = run_without_linux(root, SUPERVISE, "3", sys.executable, "-c", "import sys; sys.exit(3)")
    assert done.returncode == 3, done.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds a process to CPUs")
def test_cpus_are_those_of_the_affinity_and_without_one_all(monkeypatch):
    assert usable_cpus() == len(os.sched_getaffinity(0))
    monkeypatch.setattr(os, "cpu_count", lambda: 24)
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cpus() == 24


def test_one_function_alone_calls_what_only_linux_has(sources):
    uses = {
        (name, node.attr)
        for name, path in sources.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and re.fullmatch(LINUX_ONLY.get(node.value.id, ""), node.attr)
    }
    assert uses == {("sceneparse.core.parallel", "sched_getaffinity")}
    assert [name for name, path in sources.items() if '"/proc' in path.read_text()] == []

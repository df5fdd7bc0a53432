"""dvc.yaml's graph: a stage for each folder of stages/, whose deps and params are what their code imports and reads."""

from functools import reduce
from importlib import import_module
from inspect import get_annotations
from operator import getitem

import pytest
from dvc.stage.cache import _get_cache_hash
from imports import ROOT, closure, has_code
from ruamel.yaml import YAML

from sceneparse.params.whole import Params

# Imported, with no say in any output: the public entry, a hint about the environment, the check of the whole params.
NO_DEPS = ("sceneparse", "stages", "sceneparse.params.whole")
dvc_yaml = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
STAGES = tuple(dvc_yaml)


def test_the_graph_is_the_folders_of_stages_and_the_sections_of_the_params():
    assert {*STAGES} == {path.parent.name for path in (ROOT / "stages").glob("*/stage.py")}
    with_params = [stage for stage in STAGES if "params" in dvc_yaml[stage]]
    assert [name for name in Params.model_fields if name != "model"] == with_params


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_are_what_a_stage_imports(stage):
    """Each file that a stage imports lies in one of its deps, and no dep is there for nothing."""
    modules = (f"stages.{stage}.__main__", f"stages.{stage}.stage")
    code = {path for path in closure(*modules, without=NO_DEPS) if has_code(path)}
    listed = {dep for dep in dvc_yaml[stage]["deps"] if dep.startswith(("stages/", "sceneparse/"))}
    holders = {path: {dep for dep in listed if path == dep or path.startswith(f"{dep}/")} for path in code}
    assert [path for path, deps in holders.items() if not deps] == []
    assert listed == set().union(*holders.values())
    files = {path for path in code if path.startswith("sceneparse/params/")}
    assert files == {dep for dep in listed if dep.startswith("sceneparse/params/")}


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_the_sections_that_a_stage_reads(stage):
    sections = get_annotations(import_module(f"stages.{stage}.stage").Sections)
    assert [*sections] == [name for name in dvc_yaml[stage].get("params", []) if "." not in name]
    for name, schema in sections.items():
        assert schema is Params.model_fields[name].annotation


@pytest.mark.parametrize("stage", STAGES)
def test_each_param_has_a_say_in_the_run_cache(stage):
    """DVC restores a stage's outputs by a digest that leaves out all keys named size, also those of params."""
    read = dvc_yaml[stage].get("params", [])

    def digest(values):
        params = {name: reduce(getitem, name.split("."), values) for name in read}
        return _get_cache_hash({"cmd": stage, "params": {"params.yaml": params}}, key=True)

    values = YAML(typ="safe").load(ROOT / "params.yaml")
    before = digest(values)
    for name in read:
        for section in sections_within(values[name.split(".")[0]]):
            for key, value in section.items():
                section[key] = "another value"
                assert digest(values) != before, f"{name}: {key}"
                section[key] = value
    assert digest(values) == before


def sections_within(section):
    """The section and those in it."""
    return [
        section,
        *(inner for value in section.values() if isinstance(value, dict) for inner in sections_within(value)),
    ]

"""dvc.yaml's graph: a stage for each folder of stages/, whose deps and params are what their code imports and reads."""

from importlib import import_module
from inspect import get_annotations

import pytest
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
    assert [*sections] == dvc_yaml[stage].get("params", [])
    for name, schema in sections.items():
        assert schema is Params.model_fields[name].annotation

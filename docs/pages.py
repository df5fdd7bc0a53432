"""Pages of the documentation that are made of other files, so that each fact stays in one place: a hook of mkdocs.

Input: README.md, the typed params, the presets, dvc.yaml and the command line's parser. Output: index.md, params.md and
commands.md, beside the pages of this folder, and the YAML files that pages link to.
"""

import argparse
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from ruamel.yaml import YAML

from pipeline.cli.main import make_parser
from sceneparse.params.whole import Params

ROOT = Path(__file__).parents[1]
PRESETS = {"demo": "demo", "scratch": "scratch", "ade20k": "ADE20K"}  # shown with every key, under these names
LINKED = ("params.yaml", "dvc.yaml", "presets/fcn2017.yaml", *(f"presets/{name}.yaml" for name in PRESETS))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is made here."""
    os.environ["COLUMNS"] = "100"  # of the help's lines, wherever it is built
    made = {"index.md": home(), "params.md": params_page(), "commands.md": commands_page()}
    for name, content in (made | {name: (ROOT / name).read_text() for name in LINKED}).items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links out of docs/ lead to the copies here."""
    return markdown.replace("](../", "](")


def home() -> str:
    """The README, its links as seen from docs/."""
    return re.sub(r"\]\(docs/", "](", (ROOT / "README.md").read_text())


def params_page() -> str:
    """Every key of params.yaml."""
    schema = Params.model_json_schema()
    presets = {name: _yaml(ROOT / f"presets/{name}.yaml") for name in PRESETS}
    readers = _readers(_yaml(ROOT / "dvc.yaml")["stages"], presets["demo"])
    lines = [
        "# Params",
        "Every number of the pipeline is in [params.yaml](params.yaml), which is [the demo's preset](presets/demo.yaml)"
        " at first; [ADE20K's](presets/ade20k.yaml), [the one for a small dataset from random weights]"
        "(presets/scratch.yaml) and [the 2017 recipe](presets/fcn2017.yaml) are complete files of the same keys. All"
        " keys are required, and no others are taken. A changed key reruns the stages named with its section, and"
        " leaves the others cached. *demo*, *scratch* and *ADE20K* are the values in those presets.",
        "Made from `sceneparse/params/whole.py`, `dvc.yaml` and the presets.",
    ]
    for section, reference in schema["properties"].items():
        definition = _definition(schema, reference)
        first, *others = readers[section]
        after = ", ".join(f"`{name}`" for name in others)
        rerun = f"Read by stage `{first}`" + (f"; reruns {after} too." if others else ".")
        rows = [
            f"| `{'.'.join(key)}` | {meaning} | {values} | "
            + " | ".join(_shown(preset, section, *key) for preset in presets.values())
            + " |"
            for key, meaning, values in _keys(schema, definition)
        ]
        head = f"| key | meaning | values | {' | '.join(PRESETS.values())} |\n|---|---|---|{'---|' * len(PRESETS)}"
        lines += [f"## {section}", f"{definition['description']} {rerun}", "\n".join([head, *rows])]
    return "\n\n".join(lines) + "\n"


def commands_page() -> str:
    """The help of every subcommand."""
    parser = make_parser()
    (action,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    lines = ["# Commands", f"```\n{parser.format_help()}```"]
    for name, command in action.choices.items():
        lines += [f"## {name}", f"```\n{command.format_help()}```"]
    return "\n\n".join(lines) + "\n"


def _yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


def _readers(stages: dict[str, Any], params: Any) -> dict[str, list[str]]:
    """By section: the stage that reads it, then those that come to depend on it, in dvc.yaml's order."""
    found = {}
    for name, stage in stages.items():
        for section in stage["params"]:
            made = set(stage["outs"])
            found[section] = [name]
            for other, its in stages.items():
                needs = {re.sub(r"\$\{(\w+)\.(\w+)\}", lambda key: params[key[1]][key[2]], dep) for dep in its["deps"]}
                if made & needs:
                    found[section].append(other)
                    made |= set(its["outs"])
    return found


def _definition(schema: Any, reference: Any) -> Any:
    return schema["$defs"][reference["$ref"].rpartition("/")[2]]


def _keys(schema: Any, definition: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Name, meaning and values of each key, those of sections within it too."""
    for name, field in definition["properties"].items():
        if "$ref" in field:
            yield from _keys(schema, _definition(schema, field), (*above, name))
        else:
            yield (*above, name), field["description"].replace("|", "\\|"), _values(field)


def _values(field: Any) -> str:
    """Type and range in words."""
    if "anyOf" in field:
        return " or ".join(map(_values, field["anyOf"]))
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return f"list of {_values(field['items'])}"
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true`, `false`"}
    word = words.get(field["type"], f"`{field['type']}`")
    if "multipleOf" in field:
        word = f"multiple of {field['multipleOf']}"
    bounds = {
        "minimum": "from {}",
        "exclusiveMinimum": "above {}",
        "maximum": "to {}",
        "exclusiveMaximum": "below {}",
    }
    return " ".join([word, *(text.format(field[bound]) for bound, text in bounds.items() if bound in field)])


def _shown(preset: Any, *key: str) -> str:
    for name in key:
        preset = preset[name]
    return f"`{preset if isinstance(preset, str) else json.dumps(preset)}`"

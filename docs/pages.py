"""Pages of the documentation that are built from other files, so that each fact has one home: a hook of mkdocs.

Input: README.md, the schema of the params, the presets, dvc.yaml and the command line's parser. Output: index.md,
params.md and commands.md, beside the pages of this folder, and the YAML files that pages link to.
"""

import argparse
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
from sceneparse.core.fields import flat, shown
from sceneparse.params.presets import preset_params
from sceneparse.params.whole import Params

ROOT = Path(__file__).parents[1]
PRESETS = ("imagenet", "scratch", "ade20k")  # each a column of the params' tables, after the defaults
LINKED = ("params.yaml", "dvc.yaml", *(f"presets/{name}.yaml" for name in (*PRESETS, "fcn2017")))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that this module builds, and the linked files."""
    os.environ["COLUMNS"] = "100"  # argparse's width, whatever terminal builds the pages
    made = {"index.md": home(), "params.md": params_page(), "commands.md": commands_page()}
    for name, content in (made | {name: (ROOT / name).read_text() for name in LINKED}).items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links out of docs/ to the copies beside the page."""
    return markdown.replace("](../", "](")


def home() -> str:
    """Return the README, its links relative to docs/."""
    return re.sub(r"\]\(docs/", "](", (ROOT / "README.md").read_text())


def params_page() -> str:
    """Return a table of the keys for each section of params.yaml."""
    schema = Params.model_json_schema()
    defaults, *others = ({key: shown(value) for key, value in _values_of(name).items()} for name in ("demo", *PRESETS))
    readers = _readers(_yaml(ROOT / "dvc.yaml")["stages"], Params().model_dump())
    lines = [
        "# Params",
        "Every number of the pipeline is in [params.yaml](params.yaml). All keys are required, and no others are"
        " allowed. A changed key reruns the stages named with its section; the others stay cached.",
        "`sceneparse preset NAME` writes the whole file with the values of a preset, and prints each value that"
        " changes. `demo` has the defaults, for the embedded demo. A file in `presets/` holds only what differs from"
        " them: [imagenet](presets/imagenet.yaml) for your own photos, [scratch](presets/scratch.yaml) for them"
        " without a download, [ade20k](presets/ade20k.yaml) for the benchmark on a GPU,"
        " [fcn2017](presets/fcn2017.yaml) for the 2017 recipe. Your own preset is one more file there. A preset's"
        " column is empty where it keeps the default.",
        "Built from `sceneparse/params`, `dvc.yaml` and the presets.",
    ]
    for section, reference in schema["properties"].items():
        definition = _definition(schema, reference)
        first, *later = readers[section]
        after = ", ".join(f"`{name}`" for name in later)
        rerun = f"Read by stage `{first}`" + (f"; reruns {after} too." if later else ".")
        rows = []
        for key, meaning, values in _keys(schema, definition):
            default, *preset_values = (preset[f"{section}.{key}"] for preset in (defaults, *others))
            cells = [f"`{value}`" if value != default else "" for value in preset_values]
            rows.append(f"| `{key}` | {meaning} | {values} | `{default}` | {' | '.join(cells)} |")
        head = f"| key | meaning | values | default | {' | '.join(PRESETS)} |\n|---|---|---|---|{'---|' * len(PRESETS)}"
        lines += [f"## {section}", f"{definition['description']} {rerun}", "\n".join([head, *rows])]
    return "\n\n".join(lines) + "\n"


def commands_page() -> str:
    """Return the help of every subcommand."""
    parser = make_parser()
    (action,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    lines = ["# Commands", f"```\n{parser.format_help()}```"]
    for name, command in action.choices.items():
        lines += [f"## {name}", f"```\n{command.format_help()}```"]
    return "\n\n".join(lines) + "\n"


def _values_of(name: str) -> dict[str, Any]:
    """Return the values of a preset by dotted name."""
    return flat(preset_params(name).model_dump())


def _yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


def _readers(stages: dict[str, Any], params: Any) -> dict[str, list[str]]:
    """Return by section the stage that reads it, then the stages that depend on that one, in dvc.yaml's order."""
    readers: dict[str, list[str]] = {}
    for name, stage in stages.items():
        for section in stage.get("params", ()):
            made = set(stage["outs"])
            readers[section] = [name]
            for other, its in stages.items():
                needs = {re.sub(r"\$\{(\w+)\.(\w+)\}", lambda key: params[key[1]][key[2]], dep) for dep in its["deps"]}
                if made & needs:
                    readers[section].append(other)
                    made |= set(its["outs"])
    return readers


def _definition(schema: Any, reference: Any) -> Any:
    return schema["$defs"][reference["$ref"].rpartition("/")[2]]


def _keys(schema: Any, definition: Any, above: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield dotted name, meaning and values of each key of a section and of the sections in it."""
    for name, field in definition["properties"].items():
        if "$ref" in field:
            yield from _keys(schema, _definition(schema, field), f"{above}{name}.")
        else:
            yield f"{above}{name}", field["description"], _values(field)


def _values(field: Any) -> str:
    """Return type and range in words."""
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

"""Pages of the documentation that are built from other files, so that each fact has one home: a hook of mkdocs.

Input: the pages of the project's root, the schema of the params, the presets, dvc.yaml and the command line's parser.
Output: index.md (the README), CONTRIBUTING.md, CHANGELOG.md, params.md and commands.md, beside the pages of this
folder, and the files that pages link to.
"""

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from command_page import commands_page, marked
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from ruamel.yaml import YAML

from sceneparse.core.fields import flat, shown
from sceneparse.params.presets import DEMO, preset_names, preset_params
from sceneparse.params.whole import Params

ROOT = Path(__file__).parents[1]
ROOT_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md"}
PRESET_FILES = (f"presets/{name}.yaml" for name in preset_names() if name != DEMO)
LINKED = ("params.yaml", "dvc.yaml", "notebooks/results.ipynb", *PRESET_FILES)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that this module builds, and the linked files."""
    made = {page: from_root(name) for name, page in ROOT_PAGES.items()}
    made |= {"params.md": params_page(), "commands.md": commands_page()}
    for name, content in (made | {name: (ROOT / name).read_text() for name in LINKED}).items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links out of docs/ to the copies beside the page."""
    return markdown.replace("](../", "](")


def from_root(name: str) -> str:
    """Return a page of the project's root, its links relative to docs/."""
    return re.sub(r"\]\(docs/", "](", (ROOT / name).read_text())


def params_page() -> str:
    """Return a block for each key of params.yaml, below its section's heading."""
    schema = Params.model_json_schema()
    presets = {name: {key: shown(value) for key, value in _values_of(name).items()} for name in preset_names()}
    defaults = presets.pop(DEMO)
    readers = _readers(_yaml(ROOT / "dvc.yaml")["stages"], Params().model_dump())
    lines = [
        "# Params",
        "Every number of the pipeline is in [params.yaml](params.yaml). All keys are required, and no others are"
        " allowed. A changed key reruns the stages named with its section; the others stay cached.",
        "`sceneparse preset NAME` writes the whole file with the values of a preset, and prints each value that"
        " changes. `demo` has the defaults, for the embedded demo. A file in `presets/` holds only what differs from"
        " them: [imagenet](presets/imagenet.yaml) for your own photos, [imagenet512](presets/imagenet512.yaml) for"
        " small things in them, [scratch](presets/scratch.yaml) for them without a download,"
        " [ade20k](presets/ade20k.yaml) for the benchmark on a GPU,"
        " [fcn2017](presets/fcn2017.yaml) for the 2017 recipe. Your own preset is one more file there. A key's labels"
        " name the default, then the presets with another value.",
        "Built from `sceneparse/params`, `dvc.yaml` and the presets.",
    ]
    for section, reference in schema["properties"].items():
        definition = _definition(schema, reference)
        first, *later = readers[section]
        after = ", ".join(f"`{name}`" for name in later)
        rerun = f"Read by stage `{first}`" + (f"; reruns {after} too." if later else ".")
        lines += [f"## {section}", f"{definition['description']} {rerun}"]
        for key, meaning, values in _keys(schema, definition):
            name = f"{section}.{key}"
            labels = {"default": defaults[name]} | {
                preset: changed[name] for preset, changed in presets.items() if changed[name] != defaults[name]
            }
            lines += _block(name, key, meaning, values, labels)
    return "\n\n".join(lines) + "\n"


def _block(name: str, short: str, meaning: str, values: str, labels: dict[str, str]) -> Iterator[str]:
    """Yield a key's heading, which is its anchor too, its meaning, and its values by label."""
    yield f'### `{name}` {{ #{name} data-toc-label="{short}" }}'
    yield f"<p>{marked(meaning)}</p>"
    pairs = {"values": marked(values)} | {label: f"<code>{escape(value)}</code>" for label, value in labels.items()}
    rows = (f'<div class="{label}"><dt>{label}</dt><dd>{value}</dd></div>' for label, value in pairs.items())
    yield "\n".join(['<dl class="labels">', *rows, "</dl>"])


def _values_of(name: str) -> dict[str, Any]:
    """Return the values of a preset by dotted name."""
    return flat(preset_params(name).model_dump())


def _yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


def _readers(stages: dict[str, Any], params: Any) -> dict[str, list[str]]:
    """Return by section the stages that read it, each with the stages that depend on it, in dvc.yaml's order."""
    readers: dict[str, list[str]] = {}
    for name, stage in stages.items():
        for section in stage.get("params", ()):
            made, reached = set(stage["outs"]), [name]
            for other, its in stages.items():
                needs = {re.sub(r"\$\{(\w+)\.(\w+)\}", lambda key: params[key[1]][key[2]], dep) for dep in its["deps"]}
                if made & needs:
                    reached.append(other)
                    made |= set(its["outs"])
            readers[section] = [*dict.fromkeys([*readers.get(section, []), *reached])]
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

"""Presets: whole params files, made of the schema's defaults and the few values that a preset changes.

Input: presets/NAME.yaml, a comment that says what the preset is for, then the keys that differ from the defaults; the
defaults alone are the preset `demo`. Output: params.yaml with every key, commented by its description in the schema.
"""

import io
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from sceneparse.core.errors import InputError, did_you_mean, shortened
from sceneparse.core.fields import Section, leaves, shown
from sceneparse.core.files import write_text
from sceneparse.core.tables import print_line
from sceneparse.params.loader import checked, read_yaml
from sceneparse.params.whole import Params

FOLDER = Path(__file__).parents[2] / "presets"
DEMO = "demo"
HEAD = "# Every number of the pipeline, a section for each stage. `sceneparse preset NAME` writes another preset here."
ABOUT_DEMO = ["# Preset demo: 300 drawn scenes of 16 classes, trained from random weights in minutes on two CPU cores."]
COLUMN = 26  # of the comments, where the value leaves room


def preset(name: str, params: Path) -> None:
    """Write the preset `name` to `params`, whole, and print each value that changes."""
    write_params(params, name, preset_params(name))


def write_params(params: Path, name: str, values: Params) -> None:
    """Write values, made from the preset `name`, to `params`, and print each one that changes."""
    before = leaves(read_yaml(params)) if params.exists() else None
    write_text(params, params_text(name, values))
    if before is None:
        print_line(f"{params}: new, preset {name}")
        return
    after = leaves(values.model_dump())
    changed = [key for key in (before | after) if key not in before or key not in after or before[key] != after[key]]
    for key in changed:
        old, new = (shortened(shown(each[key])) if key in each else "(no such key)" for each in (before, after))
        print_line(f"{shortened(key)}: {old} -> {new}")
    print_line(f"{params}: preset {name}, {len(changed)} {'value' if len(changed) == 1 else 'values'} changed")


def preset_names() -> list[str]:
    """Return the names of all presets, the demo's first."""
    return [DEMO, *sorted(path.stem for path in FOLDER.glob("*.yaml"))]


def preset_params(name: str) -> Params:
    """Return all params of a preset. Raises InputError."""
    if name not in preset_names():
        raise InputError(
            "there is no such preset",
            expected=", ".join(preset_names()),
            got=f"{name}{did_you_mean(name, preset_names())}",
            file=FOLDER,
            next_step="use one of these, or add a file there with the keys that differ from the demo's",
        )
    if name == DEMO:
        return Params()
    path = FOLDER / f"{name}.yaml"
    return checked(read_yaml(path), Params, path, whole=False)


def params_text(name: str, values: Params | None = None) -> str:
    """Return the text of params.yaml with the values of a preset, or others made from it. Raises InputError."""
    lines = [HEAD, *_about(name)]
    for section, params in values or preset_params(name):
        lines += ["", _commented(f"{section}:", params.__doc__), *_lines(params, "  ")]
    return "\n".join(lines) + "\n"


def _about(name: str) -> list[str]:
    """Return the comment at the top of a preset's file, which says what the preset is for."""
    if name == DEMO:
        return ABOUT_DEMO
    return list(takewhile(lambda line: line.startswith("#"), (FOLDER / f"{name}.yaml").read_text().splitlines()))


def _lines(section: Section, indent: str) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield _commented(f"{indent}{name}:", value.__doc__)
            yield from _lines(value, f"{indent}  ")
        else:
            first, *items = _yaml(name, value)  # items of a list
            yield _commented(f"{indent}{first}", field.description)
            yield from (f"{indent}{item}" for item in items)


def _yaml(name: str, value: Any) -> list[str]:
    if isinstance(value, float):  # never as 1e-05, which other readers of YAML take for a string
        return [f"{name}: {np.format_float_positional(value, trim='0')}"]
    yaml, stream = YAML(), io.StringIO()
    yaml.width = 1 << 20  # one line
    yaml.dump({name: value}, stream)
    return stream.getvalue().splitlines()


def _commented(line: str, comment: str | None) -> str:
    return f"{line.ljust(COLUMN - 2)}  # {comment}"

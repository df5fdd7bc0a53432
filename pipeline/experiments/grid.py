"""Points of a grid from arguments such as `train.learning_rate=0.0001,0.001 model.width=0.125,0.25`, each checked.

Input: arguments KEY=VALUE,VALUE, each value in YAML on one line (lists in brackets, strings in quotes); and a params
file. Output: points with their whole params, in the order of the arguments, the last key fastest, without repetition.
One error names all bad arguments.
"""

import copy
import io
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.representer import RoundTripRepresenter

from sceneparse.core.errors import InputError, did_you_mean
from sceneparse.params.whole import Params, load_params

LABEL = 48  # most characters of a name before its digest


class _Representer(RoundTripRepresenter):
    """YAML writer that writes null, not an empty value."""


_Representer.add_representer(type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null"))


@dataclass(frozen=True)
class Point:
    """Point of the grid: its own values, and the whole params with them."""

    values: Mapping[str, Any]
    params: Params

    @property
    def label(self) -> str:
        """Values as a part of a name: letters, digits, '.' and '-'."""
        parts = []
        for key, value in sorted(self.values.items()):
            last = key.rpartition(".")[2]
            unique = sum(other.rpartition(".")[2] == last for other in self.values) == 1
            parts.append(f"{last if unique else key}-{yaml_text(value)}")
        text = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(parts))
        return re.sub(r"\.\.+", ".", text)[:LABEL].strip("-.")

    def params_text(self, text: str) -> str:
        """Return the params file `text` with the point's values; comments stay."""
        yaml = YAML()
        yaml.preserve_quotes, yaml.width = True, 4096
        if re.search(r":\s+null\b", text):  # as in the file
            yaml.Representer = _Representer
        content = yaml.load(text)
        for key, value in self.values.items():
            section, last = _section(content, key)
            section[last] = value
        written = io.StringIO()
        yaml.dump(content, written)
        return written.getvalue()


def yaml_text(value: object) -> str:
    """Return a value as YAML without quotes."""
    return value if isinstance(value, str) else json.dumps(value)


def read_grid(arguments: Sequence[str], file: Path) -> list[Point]:
    """Return the points of `arguments` and the params in `file`. Raises InputError that names all bad arguments."""
    load_params(file)  # raises for a bad file
    content = YAML(typ="safe", pure=True).load(file)
    wanted, offenders = _read_arguments(arguments, content)
    points: dict[Params, Point] = {}
    for combination in itertools.product(*wanted.values()):
        changed = copy.deepcopy(content)
        for key, value in zip(wanted, combination, strict=True):
            section, last = _section(changed, key)
            section[last] = value
        try:
            params = Params.model_validate(changed)
        except ValidationError as error:
            offenders += [f"{'.'.join(map(str, item['loc']))}: {item['msg']}{_got(item)}" for item in error.errors()]
        else:
            tree = params.model_dump(mode="json")  # values of their param's type: 1 is 1.0 for a float
            values = {key: (place := _section(tree, key))[0][place[1]] for key in wanted}
            points.setdefault(params, Point(values, params))
    if offenders:
        raise InputError(
            "these points cannot run",
            expected="KEY=VALUE,VALUE with keys, types and ranges of sceneparse/params/whole.py",
            got="; ".join(dict.fromkeys(offenders)),
            file=file,
            next_step="fix these arguments; no point has run",
        )
    return list(points.values())


def _read_arguments(arguments: Sequence[str], content: dict[str, Any]) -> tuple[dict[str, list[Any]], list[str]]:
    """Return each key's values, read as YAML 1.2 like the params file, and the faults of the arguments."""
    wanted: dict[str, list[Any]] = {}
    offenders = []
    for argument in arguments:
        key, equals, listed = argument.partition("=")
        section, last = _section(content, key)
        if not equals:
            offenders.append(f"{argument}: no KEY=VALUE")
        elif not isinstance(section, dict) or last not in section or isinstance(section[last], dict):
            offenders.append(f"{key}: no such param{did_you_mean(key, _keys(content))}")
        elif key in wanted:
            offenders.append(f"{key}: it appears twice")
        else:
            try:
                wanted[key] = list(_read_values(listed))
            except (YAMLError, ValueError) as error:  # ValueError: an impossible date, for example
                fault = "not YAML" if isinstance(error, YAMLError) else error
                offenders.append(f"{argument}: {fault}")
    return wanted, offenders


def _read_values(listed: str) -> Iterator[Any]:
    """Yield the values between commas; a comma inside brackets or quotes belongs to a value."""
    text = ""
    for part in listed.split(","):
        text = f"{text},{part}" if text else part
        if not text.strip():
            raise ValueError("an empty value (write null)")
        try:
            value = YAML(typ="safe", pure=True).load(text)
        except YAMLError:
            continue
        yield value
        text = ""
    if text:
        raise YAMLError(text)


def _section(content: Any, key: str) -> tuple[Any, str]:
    """Return the section that holds `key`, or None, and the key's last part."""
    *sections, last = key.split(".")
    for name in sections:
        content = content.get(name) if isinstance(content, dict) else None
    return content, last


def _keys(content: dict[str, Any], above: str = "") -> Iterator[str]:
    """Yield every param's whole key."""
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _keys(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def _got(item: Mapping[str, Any]) -> str:
    return "" if isinstance(item["input"], dict) else f" (found {item['input']!r})"

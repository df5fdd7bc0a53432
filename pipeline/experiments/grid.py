"""From `train.learning_rate=0.0001,0.001 model.width=0.125,0.25` to the points of a grid, each checked.

Input: arguments KEY=VALUE,VALUE, each value as YAML has it on one line, lists in brackets and strings in quotes too;
and a params file. Output: points, each with the whole params that it stands for,
in the order typed, the last key fastest, none twice. All that cannot be used is refused by name, all at once.
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

LABEL = 48  # characters of a name, at most, before its digest


class _Representer(RoundTripRepresenter):
    """Writes null instead of nothing."""


_Representer.add_representer(type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null"))


@dataclass(frozen=True)
class Point:
    """A point of the grid: the values of its own and the params that they complete."""

    values: Mapping[str, Any]
    params: Params

    @property
    def label(self) -> str:
        """Its values as a part of a name: letters, digits, '.' and '-'."""
        parts = []
        for key, value in sorted(self.values.items()):
            last = key.rpartition(".")[2]
            alone = sum(other.rpartition(".")[2] == last for other in self.values) == 1
            parts.append(f"{last if alone else key}-{shown(value)}")
        text = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(parts))
        return re.sub(r"\.\.+", ".", text)[:LABEL].strip("-.")

    def params_text(self, text: str) -> str:
        """The params file `text` with the point's values in it, comments kept."""
        yaml = YAML()
        yaml.preserve_quotes, yaml.width = True, 4096
        if re.search(r":\s+null\b", text):  # as the file has it
            yaml.Representer = _Representer
        content = yaml.load(text)
        for key, value in self.values.items():
            section, last = _section(content, key)
            section[last] = value
        written = io.StringIO()
        yaml.dump(content, written)
        return written.getvalue()


def shown(value: object) -> str:
    """A value as YAML has it, without quotes."""
    return value if isinstance(value, str) else json.dumps(value)


def read_grid(arguments: Sequence[str], file: Path) -> list[Point]:
    """The points that `arguments` and the params in `file` make. Raises InputError that names every offender."""
    load_params(file)  # refuses a file that is wrong already
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
            offenders += [f"{'.'.join(map(str, item['loc']))}: {item['msg']}{_found(item)}" for item in error.errors()]
        else:
            tree = params.model_dump(mode="json")  # where values have their param's type: 1 is 1.0 for a float
            values = {key: (place := _section(tree, key))[0][place[1]] for key in wanted}
            points.setdefault(params, Point(values, params))
    if offenders:
        raise InputError(
            "these points cannot be run",
            expected="KEY=VALUE,VALUE with keys, types and ranges of sceneparse/params/whole.py",
            got="; ".join(dict.fromkeys(offenders)),
            file=file,
            next_step="mend the arguments named; nothing has been run",
        )
    return list(points.values())


def _read_arguments(arguments: Sequence[str], content: dict[str, Any]) -> tuple[dict[str, list[Any]], list[str]]:
    """Each key's values, read as the params file is read (YAML 1.2); and what is wrong with the arguments."""
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
            offenders.append(f"{key}: given twice")
        else:
            try:
                wanted[key] = list(_read_values(listed))
            except (YAMLError, ValueError) as error:  # the second: no date, for one
                why = "not YAML" if isinstance(error, YAMLError) else error
                offenders.append(f"{argument}: {why}")
    return wanted, offenders


def _read_values(listed: str) -> Iterator[Any]:
    """Yield the values between commas; a comma inside brackets or quotes, where YAML cannot end, is a value's own."""
    text = ""
    for part in listed.split(","):
        text = f"{text},{part}" if text else part
        if not text.strip():
            raise ValueError("an empty value (nothing is written null)")
        try:
            value = YAML(typ="safe", pure=True).load(text)
        except YAMLError:
            continue
        yield value
        text = ""
    if text:
        raise YAMLError(text)


def _section(content: Any, key: str) -> tuple[Any, str]:
    """The section that holds `key`, or None, and the key's last part."""
    *sections, last = key.split(".")
    for name in sections:
        content = content.get(name) if isinstance(content, dict) else None
    return content, last


def _keys(content: dict[str, Any], above: str = "") -> Iterator[str]:
    """Every param's whole key."""
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _keys(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def _found(item: Mapping[str, Any]) -> str:
    return "" if isinstance(item["input"], dict) else f" (found {item['input']!r})"

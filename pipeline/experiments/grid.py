"""Points of a grid from arguments such as `train.learning_rate=0.0001,0.001 model.width=0.125,0.25`, each checked.

Input: arguments KEY=VALUE,VALUE, each value in YAML on one line (lists in brackets, strings in quotes); and a params
file. Output: points with their whole params, in the order of the arguments, the last key fastest, without repetition.
One error names all bad arguments.
"""

import copy
import io
import itertools
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.representer import RoundTripRepresenter

from sceneparse.core.documents import load_yaml, parse_yaml
from sceneparse.core.errors import InputError, did_you_mean, few, shortened
from sceneparse.core.fields import leaves, offenders, set_leaf, shown
from sceneparse.params.whole import Params, load_params

LABEL = 48  # most characters of a name before its digest
MOST_POINTS = 1000
MOST_CHARACTERS = 4096  # of an argument
MOST_COMMAS = 32  # inside a value; the longest list of the params has 16 items


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
            parts.append(f"{last if unique else key}-{shown(value)}")
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
            set_leaf(content, key, value)
        written = io.StringIO()
        yaml.dump(content, written)
        return written.getvalue()


def read_grid(arguments: Sequence[str], file: Path) -> list[Point]:
    """Return the points of `arguments` and the params in `file`. Raises InputError that names all bad arguments."""
    load_params(file)  # raises for a bad file
    content = load_yaml(file)
    wanted, faults = _read_arguments(arguments, leaves(content))
    points: dict[Params, Point] = {}
    if (count := math.prod(map(len, wanted.values()))) > MOST_POINTS:
        faults.append(f"{count:,} points, the limit is {MOST_POINTS:,}")
        wanted = {}
    for combination in itertools.product(*wanted.values()):
        changed = copy.deepcopy(content)
        for key, value in zip(wanted, combination, strict=True):
            set_leaf(changed, key, value)
        try:
            params = Params.model_validate(changed)
        except ValidationError as error:
            faults += offenders(error)
        else:
            typed = leaves(params.model_dump(mode="json"))  # 1 is 1.0 for a float
            points.setdefault(params, Point({key: typed[key] for key in wanted}, params))
    if faults:
        raise InputError(
            "these points cannot run",
            expected="KEY=VALUE,VALUE with keys, types and ranges of sceneparse/params/whole.py",
            got="; ".join(few([*dict.fromkeys(faults)], longest=1000)),
            file=file,
            next_step="fix these arguments; no point has run",
        )
    return list(points.values())


def _read_arguments(arguments: Sequence[str], known: Collection[str]) -> tuple[dict[str, list[Any]], list[str]]:
    """Return each key's values, read as YAML 1.2 like the params file, and the faults of the arguments."""
    wanted: dict[str, list[Any]] = {}
    faults = []
    for argument in arguments:
        key, equals, listed = argument.partition("=")
        if len(argument) > MOST_CHARACTERS:
            faults.append(f"{shortened(argument)}: more than {MOST_CHARACTERS:,} characters")
        elif not equals:
            faults.append(f"{argument}: no KEY=VALUE")
        elif key not in known:
            faults.append(f"{key}: no such param{did_you_mean(key, known)}")
        elif key in wanted:
            faults.append(f"{key}: it appears twice")
        else:
            try:
                wanted[key] = list(_read_values(listed))
            except ValueError as error:
                faults.append(f"{argument}: {error}")
    return wanted, faults


def _read_values(listed: str) -> Iterator[Any]:
    """Yield the values between commas; a comma inside brackets or quotes belongs to a value. Raises ValueError."""
    text, fault = "", None
    for part in listed.split(","):
        text = f"{text},{part}" if text else part
        if not text.strip():
            raise ValueError("an empty value (write null)")
        try:
            value = parse_yaml(text)
        except ValueError as error:
            fault = error
            if text.count(",") == MOST_COMMAS:
                break
        else:
            yield value
            text = ""
    if text and fault:
        raise fault

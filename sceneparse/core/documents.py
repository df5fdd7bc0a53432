"""Small documents in YAML 1.2 or JSON, written by people or by other programs: read within bounds.

Input: a file, or text from a command line. Output: plain values. Raises OSError for a file that cannot be read, and
ValueError, in one line, for any other fault: text that is no YAML or JSON, and documents that are too large, too deep,
or grow too large through aliases. So a few lines cannot fill the memory or a terminal.
"""

import json
import math
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic_core import from_json
from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from sceneparse.core.errors import shortened

MOST_BYTES = 1 << 16  # of a file that people write: nine times params.yaml; the worst take seconds to read
MOST_LEVELS = 32
MOST_DIGITS = 400  # 5e-324, the smallest float, has 326 when it is written out
STR, MERGE, *NUMBERS = (f"tag:yaml.org,2002:{name}" for name in ("str", "merge", "int", "float"))


def load_yaml(file: Path, most: int = MOST_BYTES) -> Any:
    """Return the content of a YAML file of at most `most` bytes of UTF-8; None if it is empty."""
    return parse_yaml(read_within(file, most).decode(), most)


def parse_yaml(text: str, most: int = MOST_BYTES) -> Any:
    """Return the values of YAML that has at most twice `most` characters with its aliases written out."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor, yaml.max_depth = partial(_Bounded, 2 * most), MOST_LEVELS
    yaml.composer.warn_double_anchors = False
    try:
        return yaml.load(text)
    except MaxDepthExceededError as error:
        raise ValueError(f"{_place(error)}more than {MOST_LEVELS} levels") from None
    except MarkedYAMLError as error:
        raise ValueError(f"{_place(error)}{shortened(str(error.problem or error.context), 300)}") from None
    except YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except (LookupError, TypeError, AttributeError, AssertionError) as error:  # of a tag that does not fit its value
        raise ValueError(f"{type(error).__name__}: {shortened(str(error))}") from None


def load_json(file: Path, most: int) -> Any:
    """Return the content of a JSON file of at most `most` bytes."""
    return parse_json(read_within(file, most))


def parse_json(content: bytes | str) -> Any:
    """Return the values of strict JSON, without NaN and infinity, in at most some 200 levels."""
    value = from_json(content)
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise ValueError("a number that is not finite, which JSON does not have") from None
    return value


def read_within(file: Path, most: int) -> bytes:
    """Return the bytes of a file. Raises ValueError if there are more than `most`."""
    with file.open("rb") as opened:
        content = opened.read(most + 1)
    if len(content) > most:
        raise ValueError(f"more than {most:,} bytes")
    return content


class _Bounded(SafeConstructor):
    """Constructor of values from a document that has at most `most` characters with all aliases written out."""

    def __init__(self, most: int, **options: Any) -> None:
        super().__init__(**options)
        self._most = most

    def construct_document(self, node: Any) -> Any:
        """Return the values of a tree of nodes. Raises ValueError."""
        characters, levels = _extent(node, {})
        if characters > self._most or levels > MOST_LEVELS:
            raise ValueError(f"aliases that make it more than {self._most:,} characters or {MOST_LEVELS} levels")
        return super().construct_document(node)


def _extent(node: Any, known: dict[int, tuple[float, float]]) -> tuple[float, float]:
    """Return a node's characters and levels with all aliases written out. `known` has those of nodes seen before."""
    if isinstance(node.value, str):
        if node.tag in NUMBERS and len(node.value) > MOST_DIGITS:
            raise ValueError(f"{_place(node)}a number of {len(node.value):,} characters")
        return len(node.value) + 1, 1
    if id(node) not in known:
        known[id(node)] = math.inf, math.inf  # for a node that is inside itself
        nodes = node.value
        if nodes and isinstance(nodes[0], tuple):  # of a mapping
            if bad := next((key for key, _ in nodes if key.tag not in (STR, MERGE)), None):
                raise ValueError(f"{_place(bad)}a key that is no text")
            nodes = chain.from_iterable(nodes)
        extents = [_extent(each, known) for each in nodes]
        known[id(node)] = 1 + sum(size for size, _ in extents), 1 + max((depth for _, depth in extents), default=0)
    return known[id(node)]


def _place(item: Any) -> str:
    """Return where a node begins or an error lies."""
    marks = (getattr(item, name, None) for name in ("problem_mark", "context_mark", "start_mark"))
    mark = next(filter(None, marks), None)
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""

"""Read params files as DVC does, YAML 1.2, and check them against a schema."""

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from sceneparse.core.errors import InputError
from sceneparse.core.fields import Section, offenders

Schema = TypeVar("Schema", bound=Section)


def load(path: Path, schema: type[Schema]) -> Schema:
    """Read and validate a params file. Raises InputError that names every bad key."""
    try:
        content = YAML(typ="safe", pure=True).load(path)
    except FileNotFoundError:
        raise _refusal(path, "the params file is missing", "a YAML file", "no file") from None
    except YAMLError as error:
        raise _refusal(path, "the params file is not YAML", "YAML 1.2", str(error)) from None
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        expected = "the keys, types and ranges of sceneparse/params"
        raise _refusal(path, "the params are not valid", expected, offenders(error)) from None


def _refusal(path: Path, problem: str, expected: str, got: str) -> InputError:
    step = "fix the keys named; presets/ holds complete files to start from"
    return InputError(problem, expected=expected, got=got, file=path, next_step=step)

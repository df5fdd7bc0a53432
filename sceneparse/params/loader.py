"""Read params files as DVC does, YAML 1.2, and check them against a schema."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from sceneparse.core.documents import load_yaml
from sceneparse.core.errors import InputError, did_you_mean, few
from sceneparse.core.fields import Section, flat, offenders, shown

Schema = TypeVar("Schema", bound=Section)
REWRITE = "`sceneparse preset NAME` writes the whole file, and prints each value that it replaces"


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the content of a params file; an empty one has no keys. Raises InputError."""
    try:
        content = load_yaml(path)
    except FileNotFoundError:
        problem, got, step = "the params file is missing", "no file", "`sceneparse preset demo` writes one"
    except (OSError, ValueError) as error:
        problem, got = "the params file cannot be read", str(error)
        step = "fix that line, or remove the file: `sceneparse preset NAME` writes it again"
    else:
        if content is None or isinstance(content, dict):
            return content or {}
        problem, got = "the params file has no sections", f"a {type(content).__name__}"
        step = "remove the file: `sceneparse preset NAME` writes it again"
    raise InputError(problem, expected="a mapping in YAML 1.2", got=got, file=path, next_step=step)


def checked(content: dict[str, Any], schema: type[Schema], path: Path, *, whole: bool = True) -> Schema:
    """Return the params in `content`. Raises InputError that names every bad value and every unknown or missing key.

    A `whole` file has all keys: a default for a missing one would change with the version. A preset may leave some out.
    """
    keys = _other_keys(content, schema, whole)
    try:
        params, values = schema.model_validate(content), []
    except ValidationError as error:
        params, values = None, offenders(error, without="extra_forbidden")  # those are in `keys`
    if params and not keys:
        return params
    raise InputError(
        "the params do not have the keys of this version" if keys else "the params are not valid",
        expected="the keys, types and ranges of sceneparse/params",
        got="; ".join([*keys, *values]),
        file=path,
        next_step=f"{'remove the unknown keys, add the missing ones' if keys else 'fix the keys named'}; or {REWRITE}",
    )


def _other_keys(content: dict[str, Any], schema: type[Section], whole: bool) -> list[str]:
    """Return a clause on keys that the schema does not have, and one on keys that `content` lacks."""
    own, defaults = flat(content), flat(schema().model_dump())
    unknown, missing = _lacking(own, defaults), _lacking(defaults, own) if whole else []
    values = {key: "" if isinstance(value, dict) else f" (default {shown(value)})" for key, value in defaults.items()}
    clauses = {
        "unknown keys": [f"{key}{_hint(key, missing)}" for key in few(unknown)],
        "missing keys": [f"{key}{values[key]}" for key in missing],
    }
    return [f"{name}: {', '.join(keys)}" for name, keys in clauses.items() if keys]


def _lacking(keys: dict[str, Any], others: dict[str, Any]) -> list[str]:
    """Return the keys that `others` lacks; where it lacks a whole section, the section alone."""
    sections = {"", *(name for name, value in others.items() if isinstance(value, dict))}
    return [key for key in keys if key not in others and key.rpartition(".")[0] in sections]


def _hint(key: str, missing: list[str]) -> str:
    """Return the missing key that `key` may be a misspelling of, without the section that both are in."""
    section, dot, name = key.rpartition(".")
    hint = did_you_mean(name, [other.removeprefix(section + dot) for other in missing]).removeprefix(", ")
    return hint and f" ({hint})"

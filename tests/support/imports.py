"""Source files of the project that a module imports, directly or through others, read from the source."""

import ast
from collections.abc import Collection, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def source_file(module: str) -> Path | None:
    """The file of a module of this project; None for anything else."""
    path = ROOT / module.replace(".", "/")
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


def module_name(file: Path) -> str:
    """The dotted name of a file of this project."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_modules(file: Path) -> Iterator[str]:
    """Names that a file imports at run time, at its top or inside its functions."""
    tree = ast.parse(file.read_text())
    unused = {
        id(node)
        for guard in ast.walk(tree)
        if isinstance(guard, ast.If) and "TYPE_CHECKING" in ast.dump(guard.test)
        for node in ast.walk(guard)
    }
    for node in ast.walk(tree):
        if id(node) in unused:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def closure(*modules: str, without: Collection[str] = ()) -> set[str]:
    """Paths from the root of every file of the project behind `modules`, themselves included, not behind `without`."""
    found: dict[str, Path] = {}
    waiting = [*modules]
    while waiting:
        name = waiting.pop()
        parents = [name.rpartition(".")[0]] if "." in name else []
        file = source_file(name)
        if file is None or name in found or name in without:
            continue
        found[name] = file
        waiting += [*parents, *imported_modules(file)]
    return {str(file.relative_to(ROOT)) for file in found.values()}


def has_code(path: str) -> bool:
    """Whether a file holds more than a docstring."""
    body = ast.parse((ROOT / path).read_text()).body
    return not (len(body) == 1 and isinstance(body[0], ast.Expr))

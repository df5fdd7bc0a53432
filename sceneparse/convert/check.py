"""check: a dataset in ADE20K's layout -> all that is wrong with it, how to mend that, and what it holds.

Input: a zip or a directory. Output on standard output: errors, warnings, a summary and the lines for params.yaml.
Invariant: the exit status is 1 exactly when there are errors, and what has none is taken by prepare.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from sceneparse.convert.findings import KINDS, Finding
from sceneparse.convert.inspection import Report, inspect
from sceneparse.convert.pair_inspection import Seen
from sceneparse.core.errors import printable
from sceneparse.core.fields import source_text
from sceneparse.core.files import file_digest
from sceneparse.core.tables import print_json, print_line, print_table
from sceneparse.dataset.archive import SPLITS


def check(dataset: Path, as_json: bool, batch_size: int) -> None:
    """Print what there is to say; end the process with status 1 if there are errors."""
    report = inspect(dataset, batch_size)
    if as_json:
        print_json({**as_dict(report), "params": {"download": download_params(dataset)} if report.usable else None})
    else:
        print_report(report)
        if report.usable:
            print_params(dataset)
    if not report.usable:
        sys.exit(1)


def print_params(dataset: Path) -> None:
    """The lines for params.yaml."""
    print("\nparams.yaml:\n  download:")
    for key, value in download_params(dataset).items():
        print_line(f"    {key}: {_yaml(value)}")


def _yaml(value: str | int | None) -> str:
    """A value as params.yaml has it: a path may look like something else."""
    text = "null" if value is None else str(value)
    try:
        plain = YAML(typ="safe", pure=True).load(f"key: {text}")["key"] == value
    except YAMLError:
        plain = False
    return text if plain and text == printable(text) else json.dumps(value)


def download_params(dataset: Path) -> dict[str, str | None]:
    """Source and digest; the digest of a directory would be that of its packed zip, so it has none."""
    return {"source": source_text(dataset), "digest": file_digest(dataset) if dataset.is_file() else None}


def print_report(report: Report) -> None:
    """Errors, warnings and the summary, as text."""
    for title, error in (("error", True), ("warning", False)):
        for kind, found in report.of_severity(error).items():
            print(f"{title}: {KINDS[kind].title} ({len(found)})")
            for _, where, text in found:
                print_line(f"    {where}: {text}" if text else f"    {where}")
            print(f"  mend: {KINDS[kind].mend}\n")
    heads = ["split", "pairs", "grayscale", "smallest", "largest", "pixels"]
    print_table(heads, (list(_summary(split, seen).values()) for split, seen in report.seen.items()))
    print()
    print_table(["value", "name", *SPLITS], (list(row.values()) for row in _shares(report)))
    errors, warnings = (sum(map(len, report.of_severity(error).values())) for error in (True, False))
    print(f"\n{errors} errors, {warnings} warnings")


def as_dict(report: Report) -> dict[str, Any]:
    """The same, for JSON."""

    def listed(error: bool) -> list[dict[str, Any]]:
        return [
            {"kind": kind, "title": KINDS[kind].title, "mend": KINDS[kind].mend, "found": [*map(_place, found)]}
            for kind, found in report.of_severity(error).items()
        ]

    return {
        "errors": listed(True),
        "warnings": listed(False),
        "splits": [_summary(split, seen) for split, seen in report.seen.items()],
        "classes": [*_shares(report)],
    }


def _place(finding: Finding) -> dict[str, str]:
    return {"where": finding.where, "text": finding.text}


def _summary(split: str, seen: Seen) -> dict[str, Any]:
    sizes = sorted(seen.sizes, key=lambda size: (size[0] * size[1], size))
    smallest, largest = (f"{sizes[end][0]} x {sizes[end][1]}" if sizes else None for end in (0, -1))
    return {
        "split": split,
        "pairs": seen.pairs,
        "grayscale": seen.gray,
        "smallest": smallest,
        "largest": largest,
        "pixels": int(seen.values.sum()),
    }


def _shares(report: Report) -> Iterator[dict[str, Any]]:
    """A row for 'other' and each class, and for each value beyond that occurs; shares of all pixels."""
    counts = {split: seen.values for split, seen in report.seen.items()}
    names = dict(enumerate(("(other)", *report.classes)))
    for value in range(256):
        if value in names or any(values[value] for values in counts.values()):
            shares = (
                float(values[value] / values.sum()) if values.any() else None for values in (counts[s] for s in SPLITS)
            )
            yield {"value": value, "name": names.get(value, "?"), **dict(zip(SPLITS, shares, strict=True))}

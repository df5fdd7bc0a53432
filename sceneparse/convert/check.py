"""check: a dataset in ADE20K's layout -> all that is wrong with it, how to fix it, and a summary.

Input: a zip or a directory. Output on standard output: errors, warnings, the summary and the lines for params.yaml.
Invariant: the exit status is 1 exactly if there are errors, and prepare accepts every dataset without them.
"""

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from sceneparse.convert.findings import KINDS
from sceneparse.convert.inspection import Report, inspect
from sceneparse.convert.pair_inspection import Contents
from sceneparse.core.errors import printable
from sceneparse.core.fields import source_text
from sceneparse.core.files import file_digest
from sceneparse.core.tables import print_json, print_line, print_table
from sceneparse.core.terminal import print_text
from sceneparse.dataset.layout import SPLITS


def check(dataset: Path, as_json: bool, batch_size: int) -> None:
    """Print the report; end the process with status 1 if there are errors."""
    report = inspect(dataset, batch_size)
    if as_json:
        params = {"download": download_params(dataset)} if report.usable else None
        print_json({**_as_dict(report), "params": params})
    else:
        print_report(report)
        if report.usable:
            print_params(dataset)
    if not report.usable:
        sys.exit(1)


def print_params(dataset: Path) -> None:
    """Print the lines for params.yaml."""
    print("\nparams.yaml:\n  download:")
    for key, value in download_params(dataset).items():
        print_line(f"    {key}: {_yaml(value)}")
    print_line(f"or write all of it: sceneparse init {shlex.quote(source_text(dataset))}")


def _yaml(value: str | int | None) -> str:
    """Return a value as params.yaml has it, in quotes if it would read as something else."""
    text = "null" if value is None else str(value)
    try:
        plain = YAML(typ="safe", pure=True).load(f"key: {text}")["key"] == value
    except YAMLError:
        plain = False
    return text if plain and text == printable(text) else json.dumps(value)


def download_params(dataset: Path) -> dict[str, str | None]:
    """Return source and digest, None for a directory: only its packed zip has one."""
    return {"source": source_text(dataset), "digest": file_digest(dataset) if dataset.is_file() else None}


def print_report(report: Report, more_warnings: Sequence[str] = ()) -> None:
    """Print errors, warnings and the summary; last, where they are read, warnings of those who made the dataset."""
    for title, error in (("error", True), ("warning", False)):
        for kind, findings in report.of_severity(error).items():
            print_text(f"{title}: {KINDS[kind].title} ({len(findings)})")
            for _, where, text in findings:
                print_line(f"    {where}: {text}" if text else f"    {where}")
            print_text(f"  fix: {KINDS[kind].fix}\n")
    summaries = [_summary(split, contents) for split, contents in report.contents.items()]
    print_table([*summaries[0]], (row.values() for row in summaries))
    print()
    heads = ["value", "name", *SPLITS, *(f"{split} pictures" for split in SPLITS)]
    print_table(heads, (row.values() for row in _classes(report)))
    errors, warnings = (sum(map(len, report.of_severity(error).values())) for error in (True, False))
    print(f"\n{errors} errors, {warnings + len(more_warnings)} warnings")
    for line in more_warnings:
        print_line(line)


def _as_dict(report: Report) -> dict[str, Any]:
    """Return errors, warnings and the summary as JSON values."""

    def listed(error: bool) -> list[dict[str, Any]]:
        return [
            {
                "kind": kind,
                "title": KINDS[kind].title,
                "mend": KINDS[kind].fix,  # the key's name is part of the format
                "found": [{"where": finding.where, "text": finding.text} for finding in findings],
            }
            for kind, findings in report.of_severity(error).items()
        ]

    return {
        "errors": listed(True),
        "warnings": listed(False),
        "splits": [_summary(split, contents) for split, contents in report.contents.items()],
        "classes": [*_classes(report)],
    }


def _summary(split: str, contents: Contents) -> dict[str, Any]:
    sizes = sorted(contents.sizes, key=lambda size: (size[0] * size[1], size))
    smallest, largest = (f"{sizes[end][0]} x {sizes[end][1]}" if sizes else None for end in (0, -1))
    return {
        "split": split,
        "pairs": contents.pairs,
        "grayscale": contents.gray,
        "smallest": smallest,
        "largest": largest,
        "pixels": int(contents.values.sum()),
    }


def _classes(report: Report) -> Iterator[dict[str, Any]]:
    """Yield, for 'other', each class and each value beyond that occurs, its share of pixels and its pictures."""
    counts = {split: report.contents[split].values for split in SPLITS}
    names = dict(enumerate(("(other)", *report.classes)))
    for value in range(256):
        if value in names or any(values[value] for values in counts.values()):
            shares = {
                split: float(values[value] / values.sum()) if values.any() else None for split, values in counts.items()
            }
            pictures = {f"{split}_pictures": int(report.contents[split].shown[value]) for split in SPLITS}
            yield {"value": value, "name": names.get(value, "?"), **shares, **pictures}

"""Fresh clone of this repository, in which a benchmark runs the pipeline with the committed params or a small copy."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
SMALL = {
    "training: 240": "training: 14",
    "validation: 60": "validation: 6",
    "size: 256": "size: 64",
    "epochs: 12": "epochs: 1",
}


def make_clone(folder: Path, small: bool) -> Path:
    """Clone the last commit below `folder`; `small` leaves few and small scenes and one epoch in its params.yaml."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    if small:
        params = (clone / "params.yaml").read_text()
        for before, after in SMALL.items():
            if params.count(before) < 1:
                raise ValueError(f"params.yaml has no {before}")
            params = params.replace(before, after)
        (clone / "params.yaml").write_text(params)
    return clone

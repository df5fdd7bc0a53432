"""The examples of the package and of docs/using.md run as they stand."""

import re
import runpy
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_model import save_small_model

import sceneparse


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "models").mkdir()
    save_small_model(folder / "models")
    pixels = np.random.default_rng(0).integers(0, 256, (37, 50, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "street.jpg")
    return folder


def run(example, **names):
    """Run the code of an example in the working directory; return its variables."""
    Path("example.py").write_text(textwrap.dedent(example))
    return runpy.run_path("example.py", names)


def check(labels):
    assert labels.shape == (37, 50)
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {1, 2, 3}


def test_the_packages_example(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    _, _, example = sceneparse.__doc__.partition("\n\n")
    names = run(example, image=np.asarray(Image.open("street.jpg")))
    check(names["labels"])
    assert capsys.readouterr().out.strip() in names["parser"].classes


def test_the_example_of_the_docs(folder, root, monkeypatch):
    monkeypatch.chdir(folder)
    text = (root / "docs/using.md").read_text()
    names = run(re.search(r"## From Python\n\n```python\n(.*?)```", text, re.DOTALL)[1])
    check(names["labels"])
    assert list(names["shares"]) == ["sky", "road", "tree"]
    assert sum(names["shares"].values()) == pytest.approx(1)

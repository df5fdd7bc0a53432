"""Zip bombs: small files that inflate to gigabytes cost no memory, whatever their headers say, and are named."""

import ast
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from bombs import BZIP2, LZMA, stored, write_zip, zeros
from cards import make_card
from command import command
from datasets import write_archive
from peak import peak_of

from sceneparse.core.errors import InputError
from sceneparse.dataset.layout import (
    ANNOTATION_BYTES,
    CLASS_TABLE,
    PICTURE_BYTES,
    SCENES,
    TABLE_BYTES,
    TEXT_BYTES,
)
from sceneparse.network.card import KEY, METADATA, SEAL_BYTES, check_model, seal
from sceneparse.network.imagenet_weights import Backbone, load_backbone, save_backbone

ROOT = Path(__file__).parents[2]
BOMB_MB = 1500
PEAK_MB = 200  # a command without TensorFlow needs 60
PICTURE, ANNOTATION = "images/training/training_0000.jpg", "annotations/training/training_0000.png"


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """Members of a good dataset."""
    path = tmp_path_factory.mktemp("good") / "dataset.zip"
    write_archive(path, training=2, validation=1, root="")
    with zipfile.ZipFile(path) as archive:
        return {name: stored(archive.read(name)) for name in archive.namelist()}


@pytest.fixture(scope="module")
def bomb():
    return zeros(BOMB_MB)


def measured(words, folder):
    """Run a program that refuses its input and uses little memory; return its output."""
    done, peak = peak_of(words, folder)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert peak < PEAK_MB
    return done.stdout + done.stderr


def with_source(folder, path):
    text = (ROOT / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("source: sources/demo.yaml ", f"source: {path} "))


def of_stage(name, *flags):
    return [sys.executable, "-m", f"stages.{name}", *flags]


PREPARE = of_stage("prepare", "--dataset", "bomb.zip", "--records", "records")
DOWNLOAD = of_stage("download", "--cache", "cache", "--dataset", "raw.zip")
CHECK = command("check", "bomb.zip")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("member", "words", "said"),
    [
        (PICTURE, PREPARE, f"training_0000: image: {BOMB_MB << 20} bytes, the limit is {PICTURE_BYTES}"),
        (ANNOTATION, PREPARE, f"training_0000: annotation: {BOMB_MB << 20} bytes, the limit is {ANNOTATION_BYTES}"),
        (PICTURE, CHECK, f"{PICTURE}: image: {BOMB_MB << 20} bytes"),
        (SCENES, CHECK, f"{SCENES}: {BOMB_MB << 20} bytes, the limit is {TEXT_BYTES}"),
        (CLASS_TABLE, CHECK, f"{CLASS_TABLE}: {BOMB_MB << 20} bytes, the limit is {TABLE_BYTES}"),
        (CLASS_TABLE, DOWNLOAD, f"cannot read {CLASS_TABLE}"),
    ],
)
def test_a_member_that_says_how_large_it_is(tmp_path, members, bomb, member, words, said):
    path = write_zip(tmp_path / "bomb.zip", {**members, member: bomb})
    assert path.stat().st_size < 2 << 20
    with_source(tmp_path, path)
    assert said in measured(words, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} <= {"bomb.zip", "params.yaml", "cache"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (zeros(BOMB_MB, says=5000), "Bad CRC-32"),
        (zeros(50, BZIP2, says=5000), "compressed by method 12"),
        (zeros(50, LZMA, says=5000), "compressed by method 14"),
    ],
    ids=["deflate", "bzip2", "LZMA"],
)
def test_a_member_that_lies_about_it(tmp_path, members, lie, said):
    path = write_zip(tmp_path / "bomb.zip", {**members, PICTURE: lie})
    with_source(tmp_path, path)
    assert f"training_0000: image: {said}" in measured(PREPARE, tmp_path)


@pytest.mark.slow
def test_what_is_too_large_in_a_directory(tmp_path, members):
    for name, member in members.items():
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(member.content)
    for name in (PICTURE, CLASS_TABLE):
        with (tmp_path / "set" / name).open("wb") as file:
            file.truncate(BOMB_MB << 20)
    said = measured(command("check", "set"), tmp_path)
    assert f"{PICTURE}: image: {BOMB_MB << 20} bytes" in said
    assert f"{CLASS_TABLE}: {BOMB_MB << 20} bytes" in said
    with_source(tmp_path, "set")
    assert "error: cannot read objectInfo150.txt" in measured(DOWNLOAD, tmp_path)


RELEASE = """
from pathlib import Path
from sceneparse.core.errors import InputError
from sceneparse.predict.benchmark_zip import Release
try:
    with Release(Path("release.zip")) as release:
        release.picture("b")
except InputError as error:
    raise SystemExit(str(error))
"""


@pytest.mark.slow
@pytest.mark.parametrize("member", ["testing/b.jpg", "list.txt"])
def test_the_benchmark_s_pictures(tmp_path, members, bomb, member):
    names = {
        "testing/a.jpg": members[PICTURE],
        "testing/b.jpg": members[PICTURE],
        "list.txt": stored(b"a.jpg\nb.jpg\n"),
    }
    write_zip(tmp_path / "release.zip", {**names, member: bomb})
    reading = "from pathlib import Path; from sceneparse.predict.benchmark_zip import Release\n"
    reading += "from sceneparse.core.errors import InputError\n"
    reading += "try:\n    with Release(Path('release.zip')) as release: release.picture('b')\n"
    reading += "except InputError as error: raise SystemExit(str(error))"
    assert f"{member}: {BOMB_MB << 20} bytes" in measured([sys.executable, "-c", reading], tmp_path)


def sealed(path, members):
    """Write a model file with these members, whole as far as its seal says."""
    card = {KEY: make_card().model_dump(mode="json")}
    whole = {METADATA: stored(json.dumps(card).encode()), "config.json": stored(b"{}")}
    whole |= {"model.weights.h5": stored(b"weights"), **members}
    write_zip(path, whole, bytes(SEAL_BYTES))
    content = path.read_bytes()
    path.write_bytes(content[:-SEAL_BYTES] + seal(path).encode())
    return path


@pytest.mark.slow
@pytest.mark.parametrize("member", [METADATA, "config.json", "model.weights.h5"])
def test_a_model(tmp_path, members, bomb, member):
    assert check_model(sealed(tmp_path / "good.keras", {}), None).card == make_card()
    sealed(tmp_path / "bomb.keras", {member: bomb})
    (tmp_path / "a.jpg").write_bytes(members[PICTURE].content)
    said = measured(command("predict", "a.jpg", "--model", "bomb.keras", "--out", "out"), tmp_path)
    assert f"compressed members, which could inflate to any size: {member}" in said


def test_imagenet_weights(tmp_path):
    folder = tmp_path / "backbone"
    save_backbone(folder, Backbone("vgg16", {"conv1_1/kernel": np.zeros((3, 3, 3, 8), np.float32)}, None))
    assert load_backbone(folder)
    write_zip(folder / "backbone.npz", {"conv1_1/kernel.npy": zeros(50)})
    with pytest.raises(InputError, match="the backbone cannot be read") as refused:
        load_backbone(folder)
    assert "compressed members" in refused.value.got


def reads_zips(text):
    """Whether a file opens zips to read them, or NumPy's archives."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = f"{getattr(node.func.value, 'id', '')}.{node.func.attr}"
            if name == "np.load" or (name == "zipfile.ZipFile" and len(node.args) == 1):
                return True
    return False


def test_every_reader_of_zips_is_bounded():
    """Each uses read_member or check_stored, but for those that read what they have just written."""
    own = {"network/saving.py", "export/agreement.py", "export/runtime.py"}
    for file in (file for folder in ("sceneparse", "stages", "pipeline") for file in (ROOT / folder).rglob("*.py")):
        name, text = "/".join(file.parts[-2:]), file.read_text()
        if ("ZipFile(" in text or "np.load(" in text) and reads_zips(text) and name not in own:
            assert "zip_reading" in text or name == "core/zip_reading.py", name

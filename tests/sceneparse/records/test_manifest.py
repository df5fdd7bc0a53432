"""The manifest: what was saved is what is opened, and a damaged shard never passes."""

import json

import pytest

from sceneparse.core.errors import InputError
from sceneparse.core.files import file_digest
from sceneparse.records.manifest import MANIFEST, Manifest, Shard, Split, open_records
from sceneparse.records.tfrecord import frame

RECORD = frame(b"an example")
NAMES = ["training-00000-of-00002.tfrecord", "training-00001-of-00002.tfrecord", "validation-00000-of-00001.tfrecord"]


@pytest.fixture
def manifest(tmp_path):
    """Saved in tmp_path, with the shards it names: 3 + 2 records for training, 1 for validation."""
    shards = []
    for name, count in zip(NAMES, (3, 2, 1), strict=True):
        (tmp_path / name).write_bytes(RECORD * count)
        shards.append(Shard(name, count, file_digest(tmp_path / name)))
    training = Split(("a", "b", "c", "d", "ä"), (5, 40, 0), tuple(shards[:2]))
    manifest = Manifest(
        ("sky", "Bäume"), 64, "squash", "bilinear", training, Split(("f",), (0, 1, 2), tuple(shards[2:]))
    )
    manifest.save(tmp_path)
    return manifest


def test_round_trip(manifest, tmp_path):
    assert open_records(tmp_path) == manifest


def test_equal_manifests_are_equal_bytes(manifest, tmp_path):
    content = (tmp_path / MANIFEST).read_bytes()
    open_records(tmp_path).save(tmp_path)
    assert (tmp_path / MANIFEST).read_bytes() == content
    assert str(tmp_path).encode() not in content


DAMAGES = {
    "cut between two records": lambda path: path.write_bytes(RECORD * 2),
    "emptied": lambda path: path.write_bytes(b""),
    "one byte changed": lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\0"),
    "a record too many": lambda path: path.write_bytes(path.read_bytes() + RECORD),
    "missing": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("name", [NAMES[0], NAMES[2]])
@pytest.mark.usefixtures("manifest")
def test_a_damaged_shard_is_named(tmp_path, name, damage):
    damage(tmp_path / name)
    with pytest.raises(InputError, match=rf"1 of 3 differ: {name}\n") as refused:
        open_records(tmp_path)
    assert str(tmp_path) in str(refused.value)
    assert "sceneparse verify --remove" in str(refused.value)


@pytest.mark.usefixtures("manifest")
def test_all_damaged_shards_are_named(tmp_path):
    for damage, name in zip(DAMAGES.values(), NAMES, strict=False):
        damage(tmp_path / name)
    with pytest.raises(InputError, match=f"3 of 3 differ: {', '.join(NAMES)}"):
        open_records(tmp_path)


def test_a_missing_manifest(tmp_path):
    with pytest.raises(InputError, match="no valid manifest") as refused:
        open_records(tmp_path)
    assert str(tmp_path / MANIFEST) in str(refused.value)


def without(key):
    return lambda content: json.dumps({name: value for name, value in json.loads(content).items() if name != key})


def with_shards(shards):
    def change(content):
        manifest = json.loads(content)
        manifest["training"]["shards"] = shards
        return json.dumps(manifest)

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[: len(content) // 2],
        lambda _: "[]",
        without("validation"),
        with_shards([{"file": "x"}]),
    ],
)
@pytest.mark.usefixtures("manifest")
def test_a_garbled_manifest(tmp_path, change):
    path = tmp_path / MANIFEST
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match="no valid manifest"):
        open_records(tmp_path)

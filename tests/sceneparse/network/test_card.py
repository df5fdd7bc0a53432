"""The model's card: a model is used only if its file is whole and its card describes it."""

import hashlib
import json
import re
import shutil
import zipfile

import keras
import numpy as np
import pytest
from cards import card_content, make_card
from network_params import model_params

from sceneparse.core.errors import InputError, TransientError
from sceneparse.core.files import file_digest
from sceneparse.inference import loading
from sceneparse.inference.loading import load_parser
from sceneparse.network import saving
from sceneparse.network.card import KEY, METADATA, SEAL_BYTES, Origin, check_model
from sceneparse.network.fcn8s import build_fcn8s
from sceneparse.network.saving import describe, save_card, save_model
from sceneparse.params.whole import Params
from sceneparse.records.manifest import MANIFEST, open_records
from sceneparse.scores.palette import class_palette, palette
from stages.download.demo import write_demo
from stages.prepare.stage import prepare


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A directory with a model and its card."""
    directory = tmp_path_factory.mktemp("saved")
    save(directory, make_card())
    return directory


def save(directory, card):
    directory.mkdir(exist_ok=True)
    save_model(build_fcn8s(3, model_params(width=1 / 64)), directory / "fcn8s.keras", card)
    save_card(directory / "fcn8s.json", directory / "fcn8s.keras", card)


@pytest.fixture
def model(saved, tmp_path):
    """A copy of the model and its card that the test may damage: the model's path."""
    shutil.copytree(saved, tmp_path / "models")
    return tmp_path / "models/fcn8s.keras"


def changed(path, **changes):
    content = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in (content | changes).items() if value is not ...}))


def test_a_model_with_its_card_and_alone(saved):
    for card in (saved / "fcn8s.json", None):
        parser = load_parser(saved / "fcn8s.keras", card)
        assert parser.classes == ("sky", "road", "tree")
        assert np.array_equal(parser.colours, palette(3))
        assert parser.card == make_card()
        assert parser.annotate(np.zeros((5, 7, 3), np.uint8)).shape == (5, 7)


def test_the_card_beside_has_the_models_digest(saved):
    content = json.loads((saved / "fcn8s.json").read_text())
    assert content.pop("model_digest") == file_digest(saved / "fcn8s.keras")
    assert content == card_content() | {"origin": None}


def test_the_file_ends_with_its_seal(saved):
    content = (saved / "fcn8s.keras").read_bytes()
    assert content[-SEAL_BYTES:].decode() == f"sha256:{hashlib.sha256(content[:-SEAL_BYTES]).hexdigest()}"
    with zipfile.ZipFile(saved / "fcn8s.keras") as archive:
        assert archive.testzip() is None
        assert archive.comment == content[-SEAL_BYTES:]
        assert json.loads(archive.read(METADATA))["keras_version"] == keras.__version__
        # With more than Keras's three members it would unpack the archive before it loads.
        assert archive.namelist() == ["config.json", METADATA, "model.weights.h5"]


def test_what_train_writes_about_itself(tmp_path):
    params = Params()
    write_demo(tmp_path / "dataset.zip", training=3, validation=1, seed=0)
    prepare(params, tmp_path / "dataset.zip", tmp_path / "records")
    manifest = open_records(tmp_path / "records")
    row = {f"validation/{name}": value for name, value in (("loss", 2.0), ("mean_iou", 0.25), ("pixel_accuracy", 0.5))}
    best = {"epoch": 3, "step": 180, "train/loss": 1.0, **row}
    origin = Origin(digest=f"md5:{32 * '0'}", copied=("conv1_1",), initialised=("fc6",))
    card = describe(tmp_path / "records", manifest, params.model, params.train, best, origin)
    assert card.origin == origin
    assert card.classes == manifest.classes
    assert np.array_equal(card.colours(), class_palette(manifest.classes))
    assert card.palette[card.classes.index("sky")] == "#78c8f0"
    assert (card.preprocessing.size, card.preprocessing.mode) == (256, "squash")
    assert card.best.model_dump() == {
        "epoch": 3,
        "step": 180,
        "validation": {"loss": 2.0, "mean_iou": 0.25, "pixel_accuracy": 0.5},
    }
    assert card.params.model == params.model.model_dump()
    assert card.params.train == params.train.model_dump()
    assert card.data_digest == file_digest(tmp_path / "records" / MANIFEST)
    assert card.libraries.keras == keras.__version__
    assert card.libraries.numpy == np.__version__
    text = card.model_dump_json()
    assert str(tmp_path) not in text
    assert not re.search(r"20\d\d-\d\d", text), "no date"


# --- models that are damaged


@pytest.mark.parametrize("beside", [True, False], ids=["with its card", "alone"])
@pytest.mark.parametrize("place", [0, 0.3, 0.7, "metadata", "zip directory", "seal"])
def test_one_flipped_bit(model, beside, place):
    content = bytearray(model.read_bytes())
    places = {
        "metadata": content.index(KEY.encode()),
        "zip directory": content.rindex(b"PK\1\2") + 14,  # the last member's date, which no checksum covers
        "seal": len(content) - 1,
    }
    content[places[place] if isinstance(place, str) else int(place * len(content))] ^= 1
    model.write_bytes(content)
    with pytest.raises(InputError, match=r"the model file is damaged[\s\S]*dvc pull"):
        load_parser(model, model.with_suffix(".json") if beside else None)


@pytest.mark.parametrize("beside", [True, False], ids=["with its card", "alone"])
@pytest.mark.parametrize("size", [0, 10, SEAL_BYTES, 5000, -1])
def test_a_file_that_is_cut_off(model, beside, size):
    model.write_bytes(model.read_bytes()[:size])
    with pytest.raises(InputError, match=r"the model file is damaged[\s\S]*no digest there"):
        check_model(model, model.with_suffix(".json") if beside else None)


@pytest.mark.parametrize("beside", [True, False], ids=["with its card", "alone"])
def test_no_model(model, beside):
    model.unlink()
    card = model.with_suffix(".json")
    with pytest.raises(InputError, match=r"there is no model[\s\S]*dvc pull.*models/fcn8s\.keras.*dvc repro train"):
        check_model(model, card if beside else None)


def test_a_model_that_train_did_not_write(model):
    """Saved by Keras itself: refused alone, and with a card that somebody made for it."""
    build_fcn8s(3, model_params(width=1 / 64)).save(model)
    with pytest.raises(InputError, match="not written by the train stage"):
        check_model(model, None)
    card = model.with_suffix(".json")
    changed(card, model_digest=file_digest(model))
    with pytest.raises(InputError, match=r"no card inside[\s\S]*KeyError"):
        check_model(model, card)
    model.write_bytes(b"no archive")
    changed(card, model_digest=file_digest(model))
    with pytest.raises(InputError, match=r"no card inside[\s\S]*not a zip file"):
        check_model(model, card)


# --- cards that do not belong to their model, or are none


def test_another_models_card(model, tmp_path):
    save(tmp_path / "other", make_card(data_digest="sha256:" + 64 * "1"))
    with pytest.raises(InputError, match="not the one that its card describes"):
        load_parser(model, tmp_path / "other/fcn8s.json")


def test_a_card_that_was_edited(model):
    card = model.with_suffix(".json")
    changed(card, classes=["sky", "tree", "road"])
    with pytest.raises(InputError, match=r"not the one inside the model[\s\S]*other classes\n"):
        load_parser(model, card)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read"),
        ('{"format": 1, "classes": ["sky"', "cannot be read"),
        ("[]", r"does not read[\s\S]*format 2[\s\S]*none"),
        ('{"classes": ["sky"]}', r"does not read[\s\S]*format 2[\s\S]*none"),
        ('{"format": 1}', r"does not read[\s\S]*format 2[\s\S]*got:      1"),
        ('{"format": "1"}', r"does not read[\s\S]*got:      '1'"),
    ],
)
def test_what_is_no_card(model, content, problem):
    card = model.with_suffix(".json")
    card.unlink() if content is None else card.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=problem):
        load_parser(model, card)


def test_every_offender_is_named(model):
    card = model.with_suffix(".json")
    best = {"epoch": 0, "step": 1, "validation": {"mean_iou": -0.5, "pixel_accuracy": 2.0, "loss": "low"}}
    changed(card, classes=..., palette=["red"], best=best, model_digest="sha256:12", extra=1, output=None)
    with pytest.raises(InputError) as refusal:
        load_parser(model, card)
    for field in (
        "classes",
        "palette.0",
        "best.epoch",
        "best.validation.mean_iou",
        "best.validation.pixel_accuracy",
        "best.validation.loss",
        "model_digest",
        "extra",
        "output",
    ):
        assert f"{field}: " in str(refusal.value), field


def test_a_colour_for_each_class(model):
    card = model.with_suffix(".json")
    changed(card, palette=["#000001"])
    with pytest.raises(InputError, match="3 classes, but 1 colours"):
        load_parser(model, card)


# --- a model that takes the place of another


@pytest.mark.parametrize("beside", [True, False])
def test_a_model_that_is_replaced_while_it_is_read(model, tmp_path, monkeypatch, beside):
    """TensorFlow loads for seconds between the check and the opening: as long as a training needs to end."""
    card = card_content(("tree", "road", "sky"))
    save(tmp_path / "new", make_card(**card))
    if not beside:
        model.with_suffix(".json").unlink()

    def replacing():
        for name in ("fcn8s.keras", "fcn8s.json")[: 1 + beside]:
            (tmp_path / "new" / name).replace(model.with_name(name))

    with monkeypatch.context() as patch:
        patch.setattr(loading, "load_tensorflow", replacing)
        with pytest.raises(TransientError, match="the model was replaced while it was read"):
            load_parser(model)
    assert load_parser(model).classes == ("tree", "road", "sky")


# --- versions of Keras


@pytest.mark.parametrize(("version", "warned"), [("3.99.0", True), ("4.0.0", True), ("3.2.1", False), (None, False)])
def test_an_older_keras_is_only_warned_of(tmp_path, caplog, version, warned):
    version = version or ".".join([*keras.__version__.split(".")[:2], "99"])
    save(tmp_path / "models", make_card(libraries={"tensorflow": "2.99.0", "keras": version, "numpy": "9.0.0"}))
    load_parser(tmp_path / "models/fcn8s.keras", None)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * warned
    assert (f"saved by Keras {version}" in caplog.text) == warned


def test_a_model_that_keras_cannot_load(model, tmp_path, monkeypatch):
    """Such as one that a later Keras wrote: refused like other input."""
    monkeypatch.setattr(saving, "_without_addresses", lambda config: config.replace(b"Conv2D", b"Conv9D"))
    save(tmp_path / "later", make_card())
    with pytest.raises(InputError, match=r"Keras cannot load the model[\s\S]*Conv9D"):
        load_parser(tmp_path / "later/fcn8s.keras", None)

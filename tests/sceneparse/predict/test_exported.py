"""predict by an ONNX export beside the model: the same labels, no TensorFlow, and only where it is that model's."""

import json
import os
import shutil
import tracemalloc

import numpy as np
import pytest
from command import ENVIRONMENT, sceneparse
from PIL import Image
from small_model import save_small_model

from sceneparse.core.errors import TransientError
from sceneparse.core.files import file_digest
from sceneparse.inference.loading import load_parser
from sceneparse.network.card import read_seal
from sceneparse.predict.exported import ExportedParser, open_export, resized_argmax

SIZES = ((64, 64), (40, 60), (333, 250), (31, 200), (1, 1), (700, 900))  # height and width


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for number, (height, width) in enumerate(SIZES):
        coarse = generator.integers(0, 256, (height // 9 + 1, width // 9 + 1, 3), np.uint8)
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_small_model(tmp_path_factory.mktemp("model"), mode="crop")


@pytest.fixture
def beside(model, tmp_path):
    """A copy of the model, and a description of an export, to be changed; returns the model's path."""
    for path in (model, model.with_suffix(".json")):
        shutil.copy(path, tmp_path)
    copied, exported = tmp_path / model.name, tmp_path / f"{model.stem}.onnx"
    exported.write_bytes(b"no model")
    description = {
        "model": read_seal(model),
        "digest": file_digest(exported),
        "input": {"shape": ["batch", "height", "width", 3]},
        "check": {"agreement": 1.0},
    }
    (tmp_path / f"{model.stem}.onnx.json").write_text(json.dumps(description))
    return copied


def check_tied(parser, image, different):
    """Check that the model's two best scores are equal but for rounding, where pixels have different classes.

    The two runtimes add in different orders, which processors that this test has not seen may do in others again.
    """
    import tensorflow as tf

    from sceneparse.network.padding import compute_logits

    if different.any():
        size = parser.fitted(image.shape[1], image.shape[0])
        fitted = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
        scores = tf.image.resize(compute_logits(parser.model, fitted[np.newaxis]), image.shape[:2])[0].numpy()
        best = np.sort(scores[different], axis=-1)
        assert (best[:, -1] - best[:, -2]).max() < 1e-5 * np.abs(scores).max(), f"{different.sum()} pixels"


def shifted(digest):
    return digest[:-1] + ("0" if digest[-1] != "0" else "1")


@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], pytest.param(["--tile-above", "100000"], marks=pytest.mark.exhaustive)])
def test_labels_are_those_of_the_model(model, pictures, tmp_path, flags):
    """TensorFlow cannot even be imported, but for the picture that is tiled."""
    folder = tmp_path / "models"
    folder.mkdir()
    for path in (model, model.with_suffix(".json")):
        shutil.copy(path, folder)
    words = ["predict", pictures, "--model", folder / model.name, *flags, "--out"]
    assert "note" not in sceneparse(*words, "plain", cwd=tmp_path).stderr
    export = ["export", "--format", "onnx", "--model", folder / model.name, "--out", folder, "--pictures", pictures]
    done = sceneparse(*export, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    environment = ENVIRONMENT
    if not flags:
        (tmp_path / "poison").mkdir()
        for name in ("tensorflow", "keras"):
            (tmp_path / f"poison/{name}.py").write_text(f"raise SystemExit('{name} was imported')")
        environment = {**ENVIRONMENT, "PYTHONPATH": f"{tmp_path}/poison{os.pathsep}{ENVIRONMENT['PYTHONPATH']}"}
    done = sceneparse(*words, "exported", cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"note: {folder}/fcn8s.onnx, an export of the model, is used in its place\n")
    parser = load_parser(model)
    for number in range(len(SIZES)):
        plain, exported = (np.asarray(Image.open(tmp_path / by / f"{number}.png")) for by in ("plain", "exported"))
        assert plain.shape == SIZES[number]
        check_tied(parser, np.asarray(Image.open(pictures / f"{number}.png")), plain != exported)


@pytest.mark.parametrize("outputs", [1, 3, 150])
def test_the_best_of_resized_scores_is_tensorflows(outputs):
    """Equal floats, so that ties and near ties are decided alike."""
    from sceneparse.inference.best_outputs import OutputScores, best_outputs

    generator = np.random.default_rng(outputs)
    for _ in range(20):
        height, width, *size = generator.integers(1, 90, 4).tolist()
        scores = generator.normal(size=(height, width, outputs)).astype(np.float32)
        scores = generator.choice([scores, scores.round()])  # many ties
        best = best_outputs(OutputScores(scores[np.newaxis], 1, (height, width), "logits"), (size[0], size[1]))
        assert np.array_equal(resized_argmax(scores, (size[0], size[1])), best.outputs[0])


def test_bands_do_not_show(monkeypatch):
    scores = np.random.default_rng(0).normal(size=(20, 30, 4)).astype(np.float32)
    whole = resized_argmax(scores, (77, 50))
    monkeypatch.setattr("sceneparse.predict.exported.BAND", 1000)
    assert np.array_equal(resized_argmax(scores, (77, 50)), whole)


def test_scores_that_are_too_many_are_left_to_the_model(model, monkeypatch):
    """The network gets this picture of 200 pixels as 64 x 3200."""
    monkeypatch.setattr("sceneparse.predict.exported.MOST_SCORES", 100_000)
    image, parser = np.random.default_rng(0).integers(0, 256, (2, 100, 3), np.uint8), load_parser(model)
    (labels,) = ExportedParser(None, parser.card, lambda: parser).annotate_batch([image])
    assert np.array_equal(labels.annotation, parser.annotate(image))


def test_a_flat_picture_takes_no_more_memory_than_a_band():
    scores = np.random.default_rng(0).normal(size=(256, 64, 30)).astype(np.float32)
    tracemalloc.start()
    resized_argmax(scores, (3, 5_000))
    assert tracemalloc.get_traced_memory()[1] < 40e6, "all rows of the scores would take 154 MB, and three times that"
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": shifted}, "it comes from another model"),
        ({"digest": shifted}, "it is damaged"),
        ({"input": {"shape": ["batch", 64, 64, 3]}}, "it takes pictures of one size"),
        ({"check": {"agreement": 0.9995}}, "it agreed with the model on 99.9500% of pixels only"),
        ({"check": None}, "fcn8s.onnx.json does not describe it"),
        ({}, "onnxruntime "),
    ],
)
def test_an_export_that_is_not_the_models_is_left_aside(beside, capsys, changes, reason):
    path = beside.with_name("fcn8s.onnx.json")
    described = json.loads(path.read_text())
    changes = {key: value(described[key]) if callable(value) else value for key, value in changes.items()}
    path.write_text(json.dumps(described | changes))
    assert open_export(beside, None, "standard") is None
    assert capsys.readouterr().err.startswith(f"note: {beside.with_suffix('.onnx')} is not used: {reason}")


def test_without_a_description_or_a_runtime_it_is_left_aside(beside, capsys, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert open_export(beside, None, "standard") is None
    assert "is not used: TensorFlow has a GPU" in capsys.readouterr().err
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert open_export(beside, None, "standard") is None
    assert "is not used: onnxruntime is not installed" in capsys.readouterr().err
    monkeypatch.undo()
    beside.with_name("fcn8s.onnx.json").unlink()
    assert open_export(beside, None, "standard") is None
    assert "does not describe it" in capsys.readouterr().err
    beside.with_suffix(".onnx").unlink()
    assert open_export(beside, None, "standard") is None
    assert capsys.readouterr().err == ""


def test_a_model_that_is_replaced_does_not_help_its_export(beside, tmp_path, monkeypatch):
    """Large pictures need the model itself, which is opened later: its labels would have the export's names."""
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda *_, **__: None)  # no picture reaches it
    parsers = [open_export(beside, None, "standard") for _ in range(2)]
    assert parsers[0].whole.classes == ("sky", "road", "tree")
    (tmp_path / "new").mkdir()
    new = save_small_model(tmp_path / "new", ("tree", "road", "sky"))
    for suffix in (".keras", ".json"):
        new.with_suffix(suffix).replace(beside.with_suffix(suffix))
    with pytest.raises(TransientError, match="the model was replaced while it was read"):
        assert parsers[1].whole


def test_a_model_of_mixed_precision_labels_by_itself(beside, capsys, monkeypatch):
    from sceneparse.predict import exported

    checked = exported.check_with_card(beside, None)
    params = checked.card.params.model_copy(update={"train": {"precision": "mixed_bfloat16"}})
    mixed = checked._replace(card=checked.card.model_copy(update={"params": params}))
    monkeypatch.setattr(exported, "check_with_card", lambda *_: mixed)
    assert open_export(beside, None, "standard") is None
    assert "is not used: the model computes in mixed precision" in capsys.readouterr().err

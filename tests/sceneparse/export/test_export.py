"""sceneparse export: what other runtimes make of a model is what Keras makes of it, or it is not there."""

import json
import shutil
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from cards import make_card
from command import sceneparse
from datasets import encoded
from network_params import ANCESTOR, model_params
from photos import vast
from PIL import Image

from sceneparse.core.errors import BusyError, InputError
from sceneparse.core.files import file_digest
from sceneparse.export import export as command
from sceneparse.export.export import export
from sceneparse.inference.loading import load_parser
from sceneparse.network.card import read_seal

pytestmark = pytest.mark.slow

SIZE = 64  # of the card's training squares


def picture(height, width, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 10, width // 10, 3), np.uint8)
    return coarse.repeat(10, 0).repeat(10, 1)


def drawn(**params):
    """A network whose score layers are random: no two classes are alike."""
    from sceneparse.network.fcn8s import build_fcn8s

    network = build_fcn8s(3, model_params(width=1 / 16, **params), seed=1)
    generator = np.random.default_rng(0)
    for layer in network.layers:
        if layer.name.startswith(("score", "expand8", "upscore")) and layer.weights:
            layer.set_weights([generator.normal(0, 0.5, weight.shape) for weight in layer.get_weights()])
    return network


def expected(network, images):
    """Annotation values by the stages' own code."""
    from sceneparse.network.padding import compute_logits

    return (np.argmax(compute_logits(network, images), axis=-1) + 1).astype(np.uint8)


@pytest.fixture(scope="module")
def network():
    return drawn()


@pytest.fixture(scope="module")
def place(network, tmp_path_factory):
    """A directory with a model and a folder of pictures."""
    from sceneparse.network.saving import save_card, save_model

    path = tmp_path_factory.mktemp("project")
    save_model(network, path / "tiny.keras", make_card())
    save_card(path / "tiny.json", path / "tiny.keras", make_card())
    (path / "photos").mkdir()
    for number, (height, width) in enumerate([(60, 100), (130, 70), (90, 90)]):
        content = encoded(Image.fromarray(picture(height, width, number)), "PNG")
        (path / f"photos/{number}.png").write_bytes(content)
    return path


@pytest.fixture
def run(place, tmp_path, monkeypatch):
    """Export in `place`, by keyword."""
    monkeypatch.chdir(place)

    def exporting(format, **changes):
        flags = {"quantize": "none", "size": None, "pictures": place / "photos", "count": 16, "force": False}
        export(format, place / "tiny.keras", None, **{"out": tmp_path / "exports", **flags, **changes})
        return tmp_path / "exports"

    return exporting


def described(path, inside):
    """Return the description beside an export; the one inside lacks only what was measured later."""
    content = json.loads(path.read_text())
    assert content["card"] == make_card().model_dump(mode="json")
    assert json.loads(inside) == {key: value for key, value in content.items() if key not in ("check", "digest")}
    return content


def test_savedmodel(run, network, capsys):
    """The SavedModel takes any number of pictures of any size, and has its description inside and beside."""
    import tensorflow as tf

    out = run("savedmodel")
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["model", "megabytes", "milliseconds"]
    assert [line.split()[0] for line in said[1:3]] == ["Keras", "savedmodel"]
    assert float(said[2].split()[1]) < 1.2 * float(said[1].split()[1]), "each weight is saved once"
    assert said[4].startswith("same class: 100.0000% of the pixels of 3 pictures; 99.9% needed")
    assert {path.name for path in out.iterdir()} == {"tiny_savedmodel", "tiny_savedmodel.json"}

    inside = (out / "tiny_savedmodel/assets.extra/sceneparse.json").read_text()
    content = described(out / "tiny_savedmodel.json", inside)
    assert content["check"] == {"pictures": 3, "agreement": 1.0}
    assert content["digest"] is None, "it is a directory"

    loaded = tf.saved_model.load(out / "tiny_savedmodel")
    for images in (picture(70, 110)[None], np.stack([picture(30, 30), picture(30, 30, 1)])):
        assert len(np.unique(expected(network, images))) > 1, "pictures that tell networks apart"
        outputs = loaded.signatures["serving_default"](image=tf.constant(images))
        assert np.array_equal(outputs["annotation"], expected(network, images))
        assert outputs["logits"].shape == (*images.shape[:3], 3)

    with pytest.raises(InputError, match="export already exists"):
        run("savedmodel")


def test_onnx(run, network):
    """The ONNX model names the sizes that are open."""
    import onnx
    import onnxruntime

    out = run("onnx")
    (inside,) = (prop.value for prop in onnx.load(out / "tiny.onnx").metadata_props if prop.key == "sceneparse")
    content = described(out / "tiny.onnx.json", inside)
    assert content["digest"] == file_digest(out / "tiny.onnx")
    session = onnxruntime.InferenceSession(out / "tiny.onnx")
    assert session.get_inputs()[0].shape == content["input"]["shape"] == ["batch", "height", "width", 3]
    assert {output.name: output.shape for output in session.get_outputs()} == {
        name: content["outputs"][name]["shape"] for name in ("annotation", "logits")
    }
    # Sides on both sides of a multiple of 32, and one pixel.
    for images in (picture(70, 110)[None], picture(320, 40)[None, :33, :31], np.zeros((2, 1, 1, 3), np.uint8)):
        annotation, logits = session.run(["annotation", "logits"], {"image": images})
        assert np.array_equal(annotation, expected(network, images))
        assert np.array_equal(annotation, np.argmax(logits, -1) + 1)


@pytest.mark.parametrize(
    ("quantize", "size", "most"), [("none", None, 0.0), ("float16", (50, 90), 0.02), ("int8", None, 0.05)]
)
def test_tflite(run, network, quantize, size, most):
    """One picture of a size that is fixed; with coarser numbers it is smaller, and nearly the same."""
    from ai_edge_litert.interpreter import Interpreter

    out = run("tflite", quantize=quantize, size=size)
    path = out / ("tiny.tflite" if quantize == "none" else f"tiny_{quantize}.tflite")
    with zipfile.ZipFile(path) as archive:
        content = described(path.with_name(f"{path.name}.json"), archive.read("sceneparse.json"))
    assert content["quantize"] == quantize

    height, width = size or (SIZE, SIZE)
    assert content["input"]["shape"] == [1, height, width, 3]
    interpreter = Interpreter(str(path))
    image = picture(100, 100, 9)[None, :height, :width]
    outputs = interpreter.get_signature_runner()(image=image)
    assert (outputs["annotation"] != expected(network, image)).mean() <= most
    assert outputs["logits"].dtype == np.float32
    tensors = [tensor for tensor in interpreter.get_tensor_details() if len(tensor["shape"]) == 4]
    half = SIZE // 2, SIZE // 2
    features = {str(np.dtype(tensor["dtype"])) for tensor in tensors if tuple(tensor["shape"][1:3]) == half}
    assert ("int8" in features) == (quantize == "int8"), "activations too"
    assert ("float16" in {str(np.dtype(tensor["dtype"])) for tensor in tensors}) == (quantize == "float16")


@pytest.mark.parametrize("params", [ANCESTOR, {"normalization": "batch", "upsampling": "learned", "stride": 16}])
def test_every_kind_of_network(params, tmp_path):
    """Transposed convolutions of sizes that are not known; 'other' as a class is annotation value 0."""
    import onnxruntime

    from sceneparse.export.exporters import write_onnx
    from sceneparse.export.labelling_network import exportable

    network, images = drawn(**params), picture(70, 110)[None]
    write_onnx(exportable(network, 3, (None, None), None), tmp_path / "a.onnx", {})
    (annotation,) = onnxruntime.InferenceSession(tmp_path / "a.onnx").run(["annotation"], {"image": images})
    values = expected(network, images) % 4 if params.get("other") == "class" else expected(network, images)
    assert len(np.unique(values)) > 1
    assert (annotation == values).mean() > 0.999
    if params.get("other") == "class":
        assert 0 in values
        assert annotation.max() <= 3


def test_mixed_precision_is_left_behind(network):
    """The exported network computes in float32, whatever its own layers' types: mixed precision is for training."""
    import keras

    from sceneparse.export.labelling_network import in_float32

    assert in_float32(network) is network
    keras.config.set_dtype_policy("mixed_bfloat16")
    mixed = drawn()
    keras.config.set_dtype_policy("float32")
    assert {layer.compute_dtype for layer in mixed.layers if layer.weights} == {"bfloat16"}
    plain, images = in_float32(mixed), picture(64, 96 + 64)[None, :, :96][:, :32]
    assert {layer.compute_dtype for layer in plain.layers if layer.weights} == {"float32"}
    assert np.array_equal(plain(images), network(images))


def test_what_disagrees_is_removed(run, network, tmp_path, monkeypatch):
    """Another network's answers are noticed, and what was there before stays."""
    from sceneparse.export import agreement as check

    out = run("onnx")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    other = drawn()
    for layer in other.layers:
        if layer.name.startswith("score"):
            layer.set_weights([np.roll(weight, 1, axis=-1) for weight in layer.get_weights()])
    exported = tmp_path / "copy.onnx"
    exported.write_bytes(before["tiny.onnx"])
    assert check.compare(other, 3, "onnx", exported, [picture(70, 110)]).agreement < 0.01

    monkeypatch.setitem(command.AGREEMENT, "none", 1.01)
    with pytest.raises(InputError, match=r"disagrees with the Keras model[\s\S]*101\.0%[\s\S]*100\.0000%"):
        run("onnx", force=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_the_new_takes_the_olds_place(tmp_path, kind):
    """Whole, with nothing of the old one left in it."""
    for name in ("old", "new"):
        if kind == "file":
            (tmp_path / name).write_text(name)
        else:
            (tmp_path / name / "assets").mkdir(parents=True)
            (tmp_path / name / "assets" / name).touch()
    command._take_place(tmp_path / "new", tmp_path / "old")
    if kind == "file":
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("old", "new")]
    else:
        assert [path.name for path in (tmp_path / "old/assets").iterdir()] == ["new"]


def test_an_export_names_the_model_that_was_read(run, place, monkeypatch):
    """Not one that takes the file's place meanwhile, whose labels an export would then be used for."""
    before, content = read_seal(place / "tiny.keras"), (place / "tiny.keras").read_bytes()

    def replaced(*arguments):
        parser = load_parser(*arguments)
        (place / "tiny.keras").write_bytes(content[:-1] + b"-")
        return parser

    monkeypatch.setattr(command, "load_parser", replaced)
    out = run("onnx")
    (place / "tiny.keras").write_bytes(content)
    assert json.loads((out / "tiny.onnx.json").read_text())["model"] == before


def test_a_second_export_is_refused_while_the_first_works(run, monkeypatch):
    onnx = command.FORMATS["onnx"]

    def write(*arguments):
        with pytest.raises(BusyError, match=r"writing [\s\S]*tiny\.onnx"):
            run("onnx")
        onnx.write(*arguments)

    monkeypatch.setitem(command.FORMATS, "onnx", replace(onnx, write=write))
    assert {path.name for path in run("onnx").iterdir()} == {"tiny.onnx", "tiny.onnx.json"}


def test_what_does_not_run_is_removed(run, monkeypatch):
    monkeypatch.setitem(command.FORMATS, "onnx", command.FORMATS["savedmodel"])
    with pytest.raises(InputError, match="the exported model does not run"):
        run("onnx")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantize": "int8"}, "onnx is not quantized here"),
        ({"pictures": None}, r"nothing to check[\s\S]*data/raw/dataset\.zip[\s\S]*--pictures FOLDER"),
        ({"pictures": "none"}, "no folder"),
        ({"pictures": "empty"}, "nothing to check"),
        ({"pictures": "bad"}, r"nothing to check[\s\S]*bad"),
        ({"out": "bad/text.jpg"}, r"cannot be written[\s\S]*text\.jpg"),
    ],
)
def test_what_is_refused(run, tmp_path, changes, message):
    """Before anything is exported."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/text.jpg").write_text("no picture")
    changes = {
        key: tmp_path / value if key in {"out", "pictures"} and value else value for key, value in changes.items()
    }
    with pytest.raises(InputError, match=message):
        run("onnx", **changes)
    assert not (tmp_path / "exports").exists()


def test_a_file_that_is_no_picture_is_ignored(run, place, tmp_path, capsys):
    shutil.copytree(place / "photos", tmp_path / "some")
    (tmp_path / "some/1.txt").write_text("no picture")
    vast(tmp_path / "some/2.tif")
    out = run("onnx", pictures=tmp_path / "some")
    assert json.loads((out / "tiny.onnx.json").read_text())["check"]["pictures"] == 3
    said = capsys.readouterr().err
    assert f"ignored: {tmp_path}/some/1.txt: not a picture" in said
    assert f"ignored: {tmp_path}/some/2.tif: 4398046511104 bytes" in said


def test_a_missing_runtime_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"no onnxruntime[\s\S]*\[export\]"):
        run("onnx")


def test_the_command_with_the_datasets_pictures(place, tmp_path):
    """Pictures of an archive are those of the validation split, as many as asked for."""
    from stages.download.demo import write_demo

    write_demo(tmp_path / "data/raw/dataset.zip", training=1, validation=3, seed=0)
    flags = ["--format", "tflite", "--model", place / "tiny.keras", "--count", "2", "--size", "40x70"]
    done = sceneparse("export", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "of the pixels of 2 pictures" in done.stdout
    content = json.loads((tmp_path / "exports/tiny.tflite.json").read_text())
    assert content["input"]["shape"] == [1, 40, 70, 3]

"""The train stage: killed and run again it ends with the same bytes; what cannot be trained is refused."""

import json
import logging
import re
import time

import h5py
import keras
import numpy as np
import pytest
from daemons import PATIENCE
from ruamel.yaml import YAML
from train_process import finish, outputs, start

from sceneparse.core.errors import InputError
from sceneparse.core.files import file_digest
from sceneparse.core.locks import locked
from sceneparse.network.backbones import find_backbone
from sceneparse.network.backbones.vgg import CHANNELS
from sceneparse.network.imagenet_weights import Backbone, save_backbone
from sceneparse.params.whole import Params, load_params
from stages.download.demo import write_demo
from stages.prepare.stage import prepare
from stages.train.refusals import check_labelled
from stages.train.stage import train
from stages.weights.stage import weights

pytestmark = pytest.mark.slow

EPOCHS = 4
CURVES = ("train/loss", "validation/mean_iou")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A directory with params.yaml, records and an empty backbone."""
    directory = tmp_path_factory.mktemp("inputs")
    yaml = YAML()
    params = Params().model_dump()
    params["prepare"]["size"] = 64
    params["model"]["width"] = 1 / 64
    params["train"] |= {"epochs": EPOCHS, "batch_size": 2, "warmup_steps": 2, "decision": "iou"}
    params["train"]["augment"]["first_crop"] = 32  # and 64 in the end
    params["train"]["start_from"] = str(directory / "backbone")
    yaml.dump(params, directory / "params.yaml")
    write_demo(directory / "dataset.zip", training=14, validation=4, seed=0)
    loaded = load_params(directory / "params.yaml")
    prepare(loaded, directory / "dataset.zip", directory / "records")
    weights(loaded, directory / "cache", directory / "backbone")
    return directory


@pytest.fixture(scope="module")
def finished(inputs, tmp_path_factory):
    """The files of a training that nothing interrupted, and what it said."""
    out = tmp_path_factory.mktemp("uninterrupted")
    said = finish(start(inputs, out))
    return outputs(out), said


@pytest.fixture(scope="module")
def uninterrupted(finished):
    return finished[0]


def epochs_told(said):
    """Each epoch's line, without its number and the time left, by its number."""
    lines = re.findall(r"^INFO epoch (\d+)/(\d+)  (.*\S) +\d:\d\d:\d\d left$", said, re.MULTILINE)
    assert {int(epochs) for _, epochs, _ in lines} == {EPOCHS}
    return {int(epoch): rest for epoch, _, rest in lines}


def test_each_epoch_has_a_line_and_no_other_program_has_one(finished):
    files, said = finished
    all_lines = said.splitlines()
    assert all_lines[0] == f"INFO starting at step 0 of {7 * EPOCHS}"
    # A busy machine makes the training long enough for a line of progress.
    assert [line for line in all_lines if not line.startswith(("INFO ", "WARNING ", "train: "))] == [], "TensorFlow's"
    lines = [line for line in all_lines if line.startswith("INFO epoch ")]
    assert [line.partition("  ")[0] for line in lines] == [f"INFO epoch {1 + each}/{EPOCHS}" for each in range(EPOCHS)]
    assert len({line.index(" best ") for line in lines}) == 1, "in columns"

    def curve(name):
        return [float(row.split(b"\t")[1]) for row in files[f"curves/plots/metrics/{name}.tsv"].splitlines()[1:]]

    told, ious = epochs_told(said), curve("validation/mean_iou")
    for epoch, (loss, other, iou, accuracy) in enumerate(
        zip(curve("train/loss"), curve("validation/loss"), ious, curve("validation/pixel_accuracy"), strict=True), 1
    ):
        best = max(ious[:epoch])
        assert told[epoch].split("  best ") == [
            f"loss {loss:6.3f}  validation loss {other:6.3f}  mIoU {iou:.4f}  accuracy {accuracy:.4f}",
            f"{best:.4f} (epoch {1 + ious.index(best)})",
        ]


def test_outputs(uninterrupted):
    card = json.loads(uninterrupted["model.json"])
    assert (card["preprocessing"]["size"], card["preprocessing"]["mode"]) == (64, "squash")
    assert card["params"]["train"]["epochs"] == EPOCHS
    assert len(card["classes"]) == 16
    assert 1 <= card["best"]["epoch"] <= EPOCHS
    rows = uninterrupted["curves/plots/metrics/validation/mean_iou.tsv"].decode().splitlines()[1:]
    assert len(rows) == EPOCHS
    assert max(float(row.split("\t")[1]) for row in rows) == card["best"]["validation"]["mean_iou"]


@pytest.mark.exhaustive
def test_deciding_for_the_mean_iou_adds_the_last_layer_and_nothing_else(inputs, uninterrupted, tmp_path, caplog):
    (tmp_path / "iou.keras").write_bytes(uninterrupted["model.keras"])
    run_here(inputs, tmp_path, decision="likelihood")
    likelihood, iou = (keras.saving.load_model(tmp_path / name) for name in ("model.keras", "iou.keras"))
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    added = np.asarray(iou(image)) - np.asarray(likelihood(image))
    assert np.ptp(added, axis=(0, 1, 2)).max() < 1e-5
    assert np.ptp(added[0, 0, 0]) > 0.05
    with caplog.at_level(logging.INFO):
        run_here(inputs, tmp_path / "on", start_from=tmp_path / "iou.keras", epochs=1)
    assert "anew" not in caplog.text
    before, after = (float(value) for value in re.search(r"mean IoU: (\S+) -> (\S+) on", caplog.text).groups())
    assert after > before


@pytest.mark.exhaustive
def test_stopped_and_run_again_it_ends_with_the_same_bytes(inputs, finished, tmp_path):
    uninterrupted, said = finished
    process = start(inputs, tmp_path)
    deadline = time.monotonic() + PATIENCE
    while not list(tmp_path.glob("state/checkpoints/*/step-*.npz")):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    process.terminate()
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert not (tmp_path / "model.keras").exists()
    assert "with its state saved: run again to resume" in output
    again = finish(start(inputs, tmp_path))
    step = int(re.search(r"resuming at step (\d+) of", again)[1])
    assert epochs_told(again) == {epoch: rest for epoch, rest in epochs_told(said).items() if epoch > step // 7}
    assert outputs(tmp_path) == uninterrupted
    assert len(list((tmp_path / "state/tensorboard").iterdir())) == 1, "the resumed run continues its folder"


def run_here(inputs, tmp_path, *, start_from=None, model=None, **changes):
    params = load_params(inputs / "params.yaml")
    changes |= {"start_from": str(start_from)} if start_from else {}
    sections = {"train": params.train.model_copy(update=changes), "model": params.model.model_copy(update=model or {})}
    params = params.model_copy(update=sections)
    out = [tmp_path / name for name in ("model.keras", "model.json", "curves", "state")]
    train(params, inputs / "records", *out)


@pytest.mark.exhaustive
def test_more_epochs_after_the_end_are_a_new_training(inputs, tmp_path, caplog):
    """An output depends on its inputs, never on what was there before."""
    for folder, epochs in ((tmp_path / "twice", (1, 2)), (tmp_path / "once", (2,))):
        for count in epochs:
            with caplog.at_level(logging.INFO):
                run_here(inputs, folder, epochs=count)
    assert "resuming" not in caplog.text
    assert outputs(tmp_path / "twice") == outputs(tmp_path / "once")


def test_a_trained_model_is_a_start(inputs, tmp_path, caplog):
    """train.start_from may name a model that train wrote; a frozen backbone stays that model's."""
    run_here(inputs, tmp_path / "one", epochs=1)
    start_from = tmp_path / "start.keras"
    start_from.write_bytes((tmp_path / "one/model.keras").read_bytes())
    how = {"start_from": start_from, "epochs": 1, "freeze_epochs": 1, "learning_rate": 0.01}
    with caplog.at_level(logging.INFO):
        run_here(inputs, tmp_path / "two", **how)
    assert f"first weights from {start_from}" in caplog.text
    one, two = (keras.saving.load_model(tmp_path / name / "model.keras", compile=False) for name in ("one", "two"))
    for layer in one.layers:
        if layer.weights:
            same = all(map(np.array_equal, layer.get_weights(), two.get_layer(layer.name).get_weights()))
            assert same == layer.name.startswith("conv"), layer.name

    start_from.write_bytes((tmp_path / "two/model.keras").read_bytes())
    run_here(inputs, tmp_path / "two", **how)
    assert len(list((tmp_path / "two/state/tensorboard").iterdir())) == 2, "another start is another training"


def test_a_random_backbone_is_not_frozen(inputs, tmp_path):
    with pytest.raises(InputError, match="cannot freeze a randomly initialised backbone"):
        run_here(inputs, tmp_path, freeze_epochs=1)


@pytest.mark.exhaustive
def test_debug_shows_and_changes_nothing(inputs, tmp_path):
    for debug in (True, False):
        run_here(inputs, tmp_path / str(debug), epochs=1, debug=debug)
    weights = [
        keras.saving.load_model(tmp_path / str(debug) / "model.keras", compile=False).get_weights()
        for debug in (True, False)
    ]
    assert all(map(np.array_equal, *weights))
    sizes = [
        sum(path.stat().st_size for path in (tmp_path / str(debug) / "state/tensorboard").rglob("events*"))
        for debug in (True, False)
    ]
    assert sizes[0] > sizes[1] + 10_000


@pytest.mark.exhaustive
def test_a_validation_every_other_epoch(inputs, tmp_path):
    run_here(inputs, tmp_path, epochs=3, validate_epochs=2)
    curves = {name: (tmp_path / f"curves/plots/metrics/{name}.tsv").read_text() for name in CURVES}
    steps = {name: [int(line.split()[0]) for line in text.splitlines()[1:]] for name, text in curves.items()}
    assert steps == {"train/loss": [7, 14, 21], "validation/mean_iou": [14, 21]}


def test_a_second_training_in_the_same_state_is_refused(inputs, tmp_path):
    with (
        locked(tmp_path / "state" / "lock", "training"),
        pytest.raises(InputError, match="another process is training in"),
    ):
        run_here(inputs, tmp_path)


WILD = {"optimizer": "sgd", "learning_rate": 10.0, "clip_norm": 0.0, "warmup_steps": 0}


@pytest.mark.parametrize(
    ("model", "changes", "got"),
    [
        ({"input_std": 1.0}, {}, "by step"),
        # One step an epoch, each with a checkpoint: gradients overflow while the loss is finite.
        ({"input_std": 1e-30}, {"batch_size": 14}, "by step 2: gradient of"),
        # The update after the last loss breaks the weights.
        ({}, {"batch_size": 14, "epochs": 1, "learning_rate": 1e38}, "by step 1: validation/loss"),
    ],
    ids=["loss", "gradients", "validation"],
)
def test_divergence_ends_in_an_error_and_no_model(inputs, tmp_path, model, changes, got):
    with pytest.raises(InputError, match="training has diverged") as refused:
        run_here(inputs, tmp_path, model=model, **(WILD | changes))
    assert got in refused.value.got
    assert not (tmp_path / "model.keras").exists()


def test_a_split_without_a_labelled_pixel_is_refused(tmp_path):
    with pytest.raises(InputError, match="nothing to learn") as refused:
        check_labelled([0, 0, 0], tmp_path)
    assert refused.value.file == str(tmp_path)
    check_labelled([0, 1, 0], tmp_path)


def test_a_batch_larger_than_the_split_is_refused(inputs, tmp_path):
    with pytest.raises(InputError, match=r"train\.batch_size at most 14"):
        run_here(inputs, tmp_path, batch_size=15)


def test_a_name_that_keras_cannot_save_is_refused_before_training(inputs, tmp_path):
    out = [tmp_path / name for name in ("model.h5", "model.json", "curves", "state")]
    with pytest.raises(InputError, match=r"expected: \.keras"):
        train(load_params(inputs / "params.yaml"), inputs / "records", *out)


def test_another_networks_weights_are_refused(inputs, tmp_path):
    backbone = tmp_path / "backbone"
    backbone.mkdir()
    (backbone / "backbone.json").write_text(json.dumps({"source": "file", "backbone": "vgg19", "digest": None}))
    np.savez(backbone / "backbone.npz")
    with pytest.raises(InputError, match=r"expected: vgg16[\s\S]*got:      vgg19"):
        run_here(inputs, tmp_path, start_from=backbone)


def test_imagenet_weights_of_another_width_are_refused(inputs, tmp_path):
    backbone = tmp_path / "backbone"
    backbone.mkdir()
    (backbone / "backbone.json").write_text(json.dumps({"source": "file", "backbone": "vgg16", "digest": None}))
    np.savez(backbone / "backbone.npz")
    with pytest.raises(InputError, match=r"got:      model.width 0.0156[\s\S]*set model.width to 1.0"):
        run_here(inputs, tmp_path, start_from=backbone)


def test_with_imagenets_convolutions_alone_training_begins_by_guessing(inputs, tmp_path, caplog):
    """Files of the published layout and size: what is copied stands in the log and on the card; the head is free."""
    digest = file_digest(write_notop(tmp_path / "notop.h5"))
    params = load_params(inputs / "params.yaml")
    source = params.weights.model_copy(update={"source": str(tmp_path / "notop.h5"), "digest": digest})
    weights(params.model_copy(update={"weights": source}), tmp_path / "cache", tmp_path / "backbone")
    free = {"width": 1.0, "head_channels": 8}
    changes = {"epochs": 1, "learning_rate": 1e-9, "decision": "likelihood"}
    with caplog.at_level(logging.INFO):
        run_here(inputs, tmp_path, start_from=tmp_path / "backbone", model=free, **changes)
    (loss,) = re.findall(r"epoch 1/1  loss +(\S+)", caplog.text)
    assert float(loss) == pytest.approx(np.log(16), abs=5e-4)
    convolutions = [layer.name for layer in find_backbone("vgg16").weights_layers() if not layer.dense]
    fresh = ["fc6", "fc7", "score_fr", "score_pool4", "score_pool3"]
    origin = json.loads((tmp_path / "model.json").read_text())["origin"]
    assert origin == {"digest": digest, "copied": convolutions, "initialised": fresh}
    assert f"copied {', '.join(convolutions)}; initialised {', '.join(fresh)}\n" in caplog.text


def write_notop(path):
    """Write convolutions of VGG16's shapes, random by He, in the layout of the published file."""
    generator, inputs = np.random.default_rng(0), 3
    with h5py.File(path, "w") as file:
        layers = [layer for layer in find_backbone("vgg16").weights_layers() if not layer.dense]
        file.attrs["layer_names"] = [layer.keras_name.encode() for layer in layers]
        for _, name, side, _ in layers:
            outputs = CHANNELS[int(name[5]) - 1]
            kernel = generator.standard_normal((side, side, inputs, outputs), np.float32) * (2 / (9 * inputs)) ** 0.5
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}_W_1:0".encode(), f"{name}_b_1:0".encode()]
            group[f"{name}_W_1:0"], group[f"{name}_b_1:0"] = kernel, np.zeros(outputs, np.float32)
            inputs = outputs
    return path


def test_the_published_head_is_needed_where_its_weights_are(inputs, tmp_path):
    head = {f"{name}/{part}": np.zeros(1, np.float32) for name in ("fc6", "fc7") for part in ("kernel", "bias")}
    save_backbone(tmp_path / "backbone", Backbone("vgg16", head, None))
    model = {"width": 1.0, "head_channels": 8}
    with pytest.raises(InputError) as refused:
        run_here(inputs, tmp_path, start_from=tmp_path / "backbone", model=model)
    assert "have 4096 channels, not 8" in refused.value.got


def test_damaged_records_are_refused_before_training(inputs, tmp_path):
    (tmp_path / "records").mkdir()
    for path in (inputs / "records").iterdir():
        (tmp_path / "records" / path.name).write_bytes(path.read_bytes())
    shard = next((tmp_path / "records").glob("training-*"))
    shard.write_bytes(b"")
    out = [tmp_path / name for name in ("model.keras", "model.json", "curves", "state")]
    with pytest.raises(InputError, match=shard.name):
        train(load_params(inputs / "params.yaml"), tmp_path / "records", *out)

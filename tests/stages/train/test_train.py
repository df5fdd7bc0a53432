"""The train stage: killed and run again it ends with the same bytes, and another model is a start."""

import json
import logging
import re
import shutil
import time

import keras
import numpy as np
import pytest
from daemons import PATIENCE
from train_process import finish, outputs, run_here, start

from sceneparse.core.errors import InputError
from sceneparse.core.locks import locked

pytestmark = pytest.mark.slow


EPOCHS = 4


CURVES = ("train/loss", "validation/mean_iou")


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
    assert "; initialised none\n" in caplog.text
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


def test_outputs_lost_after_the_end_are_written_again_without_training(inputs, finished, tmp_path):
    """DVC's next run deletes what it has not recorded, as when it was killed, or its cache's disk was full."""
    said = finish(start(inputs, tmp_path))
    assert outputs(tmp_path) == finished[0]
    for name in ("model.keras", "model.json", "curves"):
        path = tmp_path / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    again = finish(start(inputs, tmp_path))
    assert outputs(tmp_path) == finished[0]
    assert "INFO the training is complete: writing its outputs" in again
    assert "INFO epoch" in said
    assert "INFO epoch" not in again


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

    # Only the last epoch is validated, so the saved weights are those after the thaw.
    run_here(inputs, tmp_path / "thawed", **{**how, "epochs": 2, "validate_epochs": 2})
    thawed = keras.saving.load_model(tmp_path / "thawed/model.keras", compile=False)
    assert not np.array_equal(one.get_layer("conv1_1").kernel, thawed.get_layer("conv1_1").kernel)

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

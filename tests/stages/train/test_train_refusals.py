"""The train stage refuses what cannot be trained, before it trains."""

import pytest
from train_process import run_here, write_backbone

from sceneparse.core.errors import InputError
from sceneparse.params.whole import load_params
from stages.train.refusals import check_labelled
from stages.train.stage import train

pytestmark = pytest.mark.slow


WILD = {"optimizer": "sgd", "learning_rate": 10.0, "clip_norm": 0.0, "warmup_steps": 0}


@pytest.mark.parametrize(
    ("model", "changes", "got"),
    [
        ({"input_std": 1.0}, {"learning_rate": 1e38}, "by step"),
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
    backbone = write_backbone(tmp_path / "backbone", "vgg19")
    with pytest.raises(InputError, match=r"expected: vgg16[\s\S]*got:      vgg19"):
        run_here(inputs, tmp_path, start_from=backbone)


def test_damaged_records_are_refused_before_training(inputs, tmp_path):
    (tmp_path / "records").mkdir()
    for path in (inputs / "records").iterdir():
        (tmp_path / "records" / path.name).write_bytes(path.read_bytes())
    shard = next((tmp_path / "records").glob("training-*"))
    shard.write_bytes(b"")
    out = [tmp_path / name for name in ("model.keras", "model.json", "curves", "state")]
    with pytest.raises(InputError, match=shard.name):
        train(load_params(inputs / "params.yaml"), tmp_path / "records", *out)

"""init: params that fit a dataset, of any number and size of pictures."""

import pytest
from command import sceneparse
from datasets import write_archive

from sceneparse.convert.init import fit_params, init
from sceneparse.convert.inspection import Report
from sceneparse.convert.pair_inspection import Contents
from sceneparse.params.presets import preset_names, preset_params
from sceneparse.params.whole import load_params
from stages.prepare.stage import prepare

ADE20K = ("wall", "building", "sky", *(f"class {number}" for number in range(4, 150)), "flag")


def fitted(tmp_path, name, training, side, epochs=None, classes=("sky",)):
    contents = {
        split: Contents(pairs=count, sizes=[(side, side // 2)] * 3)
        for split, count in (("training", training), ("validation", 10))
    }
    (tmp_path / "set.zip").touch()
    return fit_params(preset_params(name), name, Report([], classes, contents), tmp_path / "set.zip", epochs)


@pytest.mark.slow
def test_a_dataset_of_a_few_small_pictures(tmp_path):
    """The stages take what init has written."""
    write_archive(tmp_path / "set.zip", training=5, validation=2)
    done = sceneparse("init", "set.zip", "--preset", "scratch", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    params = load_params(tmp_path / "params.yaml")
    assert params.download.source == "set.zip"
    assert params.download.digest
    assert params.train.epochs == 200
    assert "5 training and 2 validation pictures" in done.stdout
    assert "\nnext: dvc repro " in done.stdout
    prepare(params, tmp_path / "set.zip", tmp_path / "records")
    again = sceneparse("init", "set.zip", "--preset", "scratch", cwd=tmp_path)
    assert "0 values changed" in again.stdout


@pytest.mark.parametrize("name", preset_names())
def test_the_dataset_of_the_presets_choice_keeps_its_values(tmp_path, name):
    """The colours stay with ADE20K's classes only."""
    params, base = fitted(tmp_path, name, 367, 1000, classes=ADE20K), preset_params(name)
    assert params.train == base.train
    assert params.prepare == base.prepare


@pytest.mark.parametrize("name", preset_names())
def test_stage_prepare_takes_a_dataset_of_ones_own_with_any_preset(tmp_path, name):
    write_archive(tmp_path / "set.zip", training=2, validation=1, classes=("sky", "road"))
    init(tmp_path / "set.zip", name, tmp_path / "params.yaml")
    prepare(load_params(tmp_path / "params.yaml"), tmp_path / "set.zip", tmp_path / "records")
    others = tuple(f"class {number}" for number in range(1, 151))
    assert fitted(tmp_path, name, 367, 1000, classes=others).prepare.colours == "dataset", "as many as ADE20K has"


@pytest.mark.parametrize(
    ("training", "epochs", "validate", "batch", "finer"),
    [(1, 200, 20, 1, 200), (20, 165, 16, 2, 200), (734, 4, 1, 2, 19), (10**5, 4, 1, 2, 4)],
)
def test_as_many_updates_for_any_number_of_pictures(tmp_path, training, epochs, validate, batch, finer):
    assert fitted(tmp_path, "imagenet512", training, 1000).train.epochs == finer
    train = fitted(tmp_path, "imagenet", training, 1000).train
    assert (train.epochs, train.validate_epochs, train.batch_size) == (epochs, validate, batch)


@pytest.mark.parametrize(("epochs", "validate"), [(1, 1), (15, 2), (40, 4), (400, 40)])
def test_epochs_of_ones_own_are_validated_ten_times(tmp_path, epochs, validate):
    train = fitted(tmp_path, "imagenet", 20, 1000, epochs).train
    assert (train.epochs, train.validate_epochs) == (epochs, validate)


@pytest.mark.parametrize(
    ("name", "side", "size", "crop", "first"),
    [
        ("scratch", 1000, 384, 256, 128),
        ("scratch", 300, 320, 256, 128),
        ("scratch", 200, 224, None, 128),
        ("scratch", 60, 64, None, None),
        ("imagenet512", 480, 480, 320, 192),
    ],
)
def test_records_are_no_larger_than_the_pictures(tmp_path, name, side, size, crop, first):
    params = fitted(tmp_path, name, 367, side)
    assert (params.prepare.size, params.train.augment.crop, params.train.augment.first_crop) == (size, crop, first)


def test_a_folder_of_photos_is_refused_and_nothing_written(tmp_path):
    (tmp_path / "photos").mkdir()
    done = sceneparse("init", "photos", cwd=tmp_path)
    assert done.returncode == 1
    assert "sceneparse convert" in done.stderr
    assert not (tmp_path / "params.yaml").exists()


def test_a_dataset_with_errors_is_reported_and_nothing_written(tmp_path):
    write_archive(tmp_path / "set.zip", training=2, validation=0)
    done = sceneparse("init", "set.zip", cwd=tmp_path)
    assert done.returncode == 1
    assert "validation: no pairs" in done.stdout
    assert not (tmp_path / "params.yaml").exists()

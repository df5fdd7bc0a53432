"""Batches: every picture once an epoch, in an order that the seed and the step alone decide."""

import numpy as np
import pytest
import tensorflow as tf
from datasets import demo_params, write_archive
from tiers import matrix

from sceneparse.core.errors import InputError
from sceneparse.dataset.labels import to_labels
from sceneparse.records.batches import (
    is_filling,
    steps_per_epoch,
    stored_batches,
    training_batches,
    validation_batches,
)
from sceneparse.records.manifest import open_records
from sceneparse.records.tfrecord import parse_example, read_examples
from stages.prepare.stage import prepare

SIZE = 32
TRAINING, VALIDATION, BATCH = 11, 5, 3
STEPS = TRAINING // BATCH
GROWING = {"first_crop": 32, "crop": 96}  # in each of three epochs another window: 32, 64 and 96 pixels
OFF = {"flip": 0, "scale_min": 1, "scale_max": 1, "brightness": 0, "contrast": 0, "saturation": 0}


def options(epochs=3, seed=0, augment=OFF):
    return demo_params(train={"batch_size": BATCH, "epochs": epochs, "seed": seed, "augment": augment}).train


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batches")
    write_archive(folder / "dataset.zip", training=TRAINING, validation=VALIDATION)
    prepare(demo_params(prepare={"size": SIZE, "shard_images": 4}), folder / "dataset.zip", folder / "records")
    return folder / "records"


@pytest.fixture(scope="module")
def manifest(records):
    return open_records(records)


@pytest.fixture(scope="module")
def stored(records, manifest):
    """Ids, images and annotations of each split as the records hold them."""

    def read(split):
        fields = [parse_example(example) for example in read_examples([records / shard.file for shard in split.shards])]
        return [[field[name].numpy() for field in fields] for name in ("id", "image", "annotation")]

    return {"training": read(manifest.training), "validation": read(manifest.validation)}


def which(image, images):
    """The index of the picture among those stored."""
    places = [index for index, other in enumerate(images) if np.array_equal(image, other)]
    assert len(places) == 1
    return places[0]


def order(records, manifest, stored, params):
    """Indices of the pictures in the order in which they come."""
    images, labels = zip(*training_batches(records, manifest, params).as_numpy_iterator(), strict=True)
    indices = [which(image, stored["training"][1]) for image in np.concatenate(images)]
    for index, label in zip(indices, np.concatenate(labels), strict=True):
        assert np.array_equal(label, to_labels(stored["training"][2][index]))
    return np.reshape(indices, (params.epochs, STEPS * BATCH))


@pytest.fixture(scope="module")
def plain(records, manifest, stored):
    """The order of six epochs with seed 0."""
    return order(records, manifest, stored, options(epochs=6))


@pytest.fixture(scope="module", params=[{}, GROWING], ids=["one window", "growing window"])
def augmented(request):
    """Three epochs with seed 0 and all augmentation."""
    return options(augment=request.param)


@pytest.fixture(scope="module")
def whole(records, manifest, augmented):
    """All their batches."""
    return list(training_batches(records, manifest, augmented).as_numpy_iterator())


def test_shapes_and_types_are_known_before_the_first_batch(records, manifest):
    images, labels = training_batches(records, manifest, options()).element_spec
    assert (images.shape, images.dtype) == ((BATCH, SIZE, SIZE, 3), tf.uint8)
    assert (labels.shape, labels.dtype) == ((BATCH, SIZE, SIZE), tf.uint8)


def test_each_epoch_shows_every_picture_at_most_once_in_another_order(plain):
    assert all(len(set(epoch)) == STEPS * BATCH for epoch in plain)
    assert len({tuple(epoch) for epoch in plain}) == len(plain) == 6
    assert set(plain.ravel()) == set(range(TRAINING))  # another rest sits out each time
    assert not any(np.array_equal(epoch, sorted(epoch)) for epoch in plain)


def test_another_seed_is_another_order(records, manifest, stored, plain):
    """Not the same one from another epoch on either."""
    others = order(records, manifest, stored, options(seed=1))
    assert not {tuple(epoch) for epoch in others} & {tuple(epoch) for epoch in plain}


def test_pictures_are_augmented_anew_in_every_epoch(records, manifest, stored, plain):
    """With brightness alone, what became of a picture's mean tells the draw."""
    params = options(augment={**OFF, "brightness": 0.5})
    images = np.concatenate([images for images, _ in training_batches(records, manifest, params).as_numpy_iterator()])
    means = [image.mean() for image in stored["training"][1]]
    gains = {
        (index, round(image.mean() / means[index], 3)) for index, image in zip(plain[:3].ravel(), images, strict=True)
    }
    assert len(gains) == len(images)


def test_the_window_grows_from_epoch_to_epoch(records, manifest):
    batches = list(training_batches(records, manifest, options(augment=GROWING)).as_numpy_iterator())
    sides = [side for side in (32, 64, 96) for _ in range(STEPS)]
    assert [images.shape for images, _ in batches] == [(BATCH, side, side, 3) for side in sides]
    assert [labels.shape for _, labels in batches] == [(BATCH, side, side) for side in sides]


def test_opened_at_any_step_it_goes_on_bit_for_bit(records, manifest, augmented, whole):
    assert len(whole) == 3 * STEPS
    for start in (0, 1, STEPS, STEPS + 2, 3 * STEPS):  # the start again, mid-epoch, a new epoch, mid-epoch, the end
        rest = list(training_batches(records, manifest, augmented, start).as_numpy_iterator())
        assert len(rest) == 3 * STEPS - start
        for expected, got in zip(whole[start:], rest, strict=True):
            assert all(map(np.array_equal, expected, got))


def test_a_batch_as_large_as_the_split_is_the_largest(manifest):
    sized = {size: options().model_copy(update={"batch_size": size}) for size in (1, TRAINING, TRAINING + 1)}
    assert steps_per_epoch(manifest, sized[1]) == TRAINING
    assert steps_per_epoch(manifest, sized[TRAINING]) == 1
    with pytest.raises(InputError, match=f"train.batch_size at most {TRAINING}"):
        steps_per_epoch(manifest, sized[TRAINING + 1])


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_validation_is_complete_and_in_order(records, manifest, stored, size):
    batches = list(validation_batches(records, manifest, size).as_numpy_iterator())
    full, rest = divmod(VALIDATION, size)
    assert [len(images) for images, _ in batches] == [size] * full + [rest] * (rest > 0)
    images, labels = map(np.concatenate, zip(*batches, strict=True))
    ids, expected_images, annotations = stored["validation"]
    assert [id.decode() for id in ids] == list(manifest.validation.ids)
    assert np.array_equal(images, expected_images)
    assert np.array_equal(labels, to_labels(np.stack(annotations)))
    assert images.dtype == labels.dtype == np.uint8


@pytest.fixture(scope="module")
def parts():
    """Parts of several workers: three workers with one device, two with two, one with four."""

    def told(workers, replicas):
        return [tf.distribute.InputContext(workers, worker, workers * replicas) for worker in range(workers)]

    return {(workers, replicas): told(workers, replicas) for workers, replicas in [(3, 1), (2, 2), (1, 4)]}


@pytest.mark.slow
@pytest.mark.parametrize("cluster", matrix([(3, 1), (2, 2), (1, 4)]))
@pytest.mark.parametrize("start", [0, 2])
def test_the_workers_together_see_the_batches_of_one(records, manifest, augmented, parts, cluster, start):
    workers, replicas = cluster
    size = workers * replicas
    params = augmented.model_copy(update={"batch_size": size})
    whole = list(training_batches(records, manifest, params, start).as_numpy_iterator())
    streams = [
        training_batches(records, manifest, params, start, part).as_numpy_iterator()
        for part in parts[workers, replicas]
    ]
    for expected in whole:
        rows = [next(stream) for stream in streams for _ in range(replicas)]  # one batch for each replica, in order
        assert all(len(images) == 1 for images, _ in rows)
        assert all(
            np.array_equal(np.concatenate(got), want)
            for got, want in zip(zip(*rows, strict=True), expected, strict=True)
        )
    assert all(next(stream, None) is None for stream in streams)


@pytest.mark.parametrize("cluster", matrix([(3, 1), (2, 2), (1, 4)]))
def test_the_workers_together_validate_every_picture_once(records, manifest, stored, parts, cluster):
    """Five pictures on three or four devices: the rest of each batch is ignored, and no batch is empty."""
    workers, replicas = cluster
    size = workers * replicas
    indices, counts = [], set()
    for part in parts[cluster]:
        batches = list(validation_batches(records, manifest, 2 * size, part).as_numpy_iterator())
        assert {images.shape for images, _ in batches} == {(2, SIZE, SIZE, 3)}
        counts.add(len(batches))
        for images, labels in zip(*map(np.concatenate, zip(*batches, strict=True)), strict=True):
            assert is_filling(images[np.newaxis], labels[np.newaxis]).numpy().item() == (not images.any())
            if (labels != 255).any():
                indices.append(which(images, stored["validation"][1]))
                assert np.array_equal(labels, to_labels(stored["validation"][2][indices[-1]]))
    assert sorted(indices) == list(range(VALIDATION))
    assert counts == {-(-VALIDATION // (2 * size)) * replicas}


@pytest.mark.parametrize(
    ("most", "expected"), [(100, range(11)), (11, range(11)), (10, range(0, 11, 2)), (4, (0, 3, 6, 9))]
)
def test_stored_pictures_are_spread_over_the_split_and_unchanged(records, manifest, stored, most, expected):
    batches = list(stored_batches(records, manifest, BATCH, most))
    assert [len(images) for images, _ in batches[:-1]] == [BATCH] * (len(batches) - 1)
    images, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
    _, all_images, annotations = stored["training"]
    np.testing.assert_array_equal(images, [all_images[index] for index in expected])
    np.testing.assert_array_equal(labels, to_labels(np.array([annotations[index] for index in expected])))

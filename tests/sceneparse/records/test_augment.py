"""Augmentation: a pure function of its seed, the same geometry for image and annotation, no invented labels."""

import numpy as np
import pytest
import tensorflow as tf
from datasets import demo_params

from sceneparse.records.augment import augment, recolour, window_sides

SIZE = 64
MEAN = (124, 117, 104)
OFF = {"flip": 0.0, "scale_min": 1.0, "scale_max": 1.0, "brightness": 0.0, "contrast": 0.0, "saturation": 0.0}


def options(**changes):
    """No augmentation at all, but for the changes."""
    return demo_params(train={"augment": {**OFF, **changes}}).train.augment


EVERYTHING = options(flip=0.5, scale_min=0.5, scale_max=2.0, brightness=0.3, contrast=0.3, saturation=0.3)


def pair(seed=0):
    """A noisy image and an annotation of areas with many different values."""
    generator = np.random.default_rng(seed)
    image = generator.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    annotation = generator.choice(np.uint8([0, 1, 2, 50, 148, 150]), (8, 8)).repeat(8, 0).repeat(8, 1)
    return tf.constant(image), tf.constant(annotation)


def seed(number):
    return tf.constant([5, number], tf.int64)


def run(params, number=0, of=None):
    image, annotation = augment(*(of or pair()), seed(number), params, SIZE)
    assert image.dtype == annotation.dtype == tf.uint8
    assert image.shape == (SIZE, SIZE, 3)
    assert annotation.shape == (SIZE, SIZE)
    return image.numpy(), annotation.numpy()


def run_many(params, count, of):
    """Images and annotations of `count` runs on one pair, in a graph: much faster than as many eager runs."""
    dataset = tf.data.Dataset.range(count).map(lambda number: augment(*of, tf.stack([5, number]), params, SIZE))
    return map(np.stack, zip(*dataset.as_numpy_iterator(), strict=True))


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_off_is_the_identity():
    for number in range(5):
        assert same(run(options(), number), pair())


def test_flip_mirrors_both():
    image, annotation = run(options(flip=1.0))
    assert same((image[:, ::-1], annotation[:, ::-1]), pair())
    assert not same((image, annotation), pair())


def test_flip_keeps_to_its_probability():
    images, annotations = run_many(options(flip=0.25), 200, pair())
    flipped = [np.array_equal(image, pair()[0][:, ::-1]) for image in images]
    assert 30 <= sum(flipped) <= 70
    assert flipped == [np.array_equal(annotation, pair()[1][:, ::-1]) for annotation in annotations]


def test_a_seed_decides_everything():
    results = [run(EVERYTHING, number) for number in range(6)]
    assert same(results[3], run(EVERYTHING, 3))
    assert not any(same(results[0], other) for other in results[1:])
    other = augment(*pair(), tf.constant([6, 3], tf.int64), EVERYTHING, SIZE)
    assert not same(run(EVERYTHING, 3), [part.numpy() for part in other])


@pytest.mark.parametrize("number", range(12))
def test_labels_are_old_ones_or_ignored(number):
    _, annotation = pair(number)
    _, changed = run(EVERYTHING, number, pair(number))
    assert set(np.unique(changed)) <= {0, *np.unique(annotation)}


def test_zooming_out_pads_with_mean_colour_and_ignored():
    white = tf.constant(np.full((SIZE, SIZE, 3), 255, np.uint8)), tf.constant(np.full((SIZE, SIZE), 9, np.uint8))
    places = set()
    for number in range(10):
        image, annotation = run(options(scale_min=0.5, scale_max=0.5), number, white)
        rows, columns = np.nonzero(annotation)
        inside = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        places.add((rows.min(), columns.min()))
        assert (annotation[inside] == 9).all()
        assert annotation[inside].shape == pytest.approx((SIZE / 2, SIZE / 2), abs=1)
        assert (image[annotation == 0] == MEAN).mean() > 0.9  # all but the border, where bilinear sees both
        assert (image[inside][1:-1, 1:-1] == 255).all()
    assert len(places) == 10


def test_zooming_in_shows_a_part_anywhere():
    for ramp in np.mgrid[:SIZE, :SIZE].astype(np.uint8):
        of = tf.constant(ramp[:, :, None].repeat(3, 2)), tf.constant(ramp + 1)
        _, annotations = run_many(options(scale_min=2.0, scale_max=2.0), 60, of)
        first, last = annotations.min((1, 2)).astype(int), annotations.max((1, 2))
        assert first.min() > 0  # nothing from outside
        assert last - first == pytest.approx((SIZE - 1) / 2, abs=1)
        assert (first.min() < 5, first.max() > 28) == (True, True)


def test_a_crop_at_scale_one_is_a_part_of_the_picture_at_its_own_size():
    ramp = np.mgrid[:SIZE, :SIZE][1].astype(np.uint8)
    of = tf.constant(ramp[:, :, None].repeat(3, 2)), tf.constant(ramp + 1)
    _, annotation = augment(*of, seed(0), options(crop=SIZE // 2), SIZE // 2)
    assert annotation.shape == (SIZE // 2, SIZE // 2)
    assert int(annotation[0, -1]) - int(annotation[0, 0]) == pytest.approx(SIZE / 2 - 1, abs=1)


@pytest.mark.parametrize("zoom", [0.5, 0.8, 1.3, 2.0, 4.0])
def test_image_and_annotation_show_the_same_place(zoom):
    for ramp in np.mgrid[:SIZE, :SIZE].astype(np.uint8):
        values = 3 * ramp + 1
        of = tf.constant(values[:, :, None].repeat(3, 2)), tf.constant(values)
        images, annotations = run_many(options(flip=0.5, scale_min=zoom, scale_max=zoom), 40, of)
        inside = annotations > 0
        # Away from the border with the padding, where bilinear sees both.
        for axis in (1, 2):
            inside &= (np.roll(annotations, 1, axis) > 0) & (np.roll(annotations, -1, axis) > 0)
        difference = images[inside][:, 0].astype(int) - annotations[inside]
        assert inside.mean() > 0.2
        assert np.abs(difference).max() <= 2  # half a pixel is 1.5
        assert abs(difference.mean()) < 0.4  # no shift


@pytest.mark.parametrize(
    ("first_crop", "crop", "epochs", "expected"),
    [
        (None, 128, 2, [128, 128]),
        (None, None, 2, [SIZE, SIZE]),
        (32, None, 4, [32, 64, 64, 64]),
        (128, 256, 6, [128, 128, 192, 192, 256, 256]),
        (128, 256, 2, [192, 256]),
        (128, 256, 1, [256]),
        (256, 256, 3, [256, 256, 256]),
    ],
)
def test_the_window_grows_to_that_of_the_last_epochs(first_crop, crop, epochs, expected):
    assert window_sides(options(first_crop=first_crop, crop=crop), SIZE, epochs) == expected


@pytest.mark.parametrize("crop", [SIZE, 2 * SIZE])
def test_a_smaller_window_sees_the_same_place_coarser(crop):
    rows = np.arange(SIZE, dtype=np.uint8)[:, None].repeat(SIZE, 1)
    of = tf.constant(3 * rows[:, :, None].repeat(3, 2)), tf.constant(rows + 1)
    params = options(crop=crop, flip=0.5, scale_min=0.5, scale_max=2.0)
    for number in range(10):
        fine, coarse = (augment(*of, seed(number), params, side) for side in (crop, crop // 2))
        assert coarse[0].shape == (crop // 2, crop // 2, 3)
        (image, annotation), (coarse_image, coarse_annotation) = (
            [part.numpy().astype(int) for part in pair] for pair in (fine, coarse)
        )
        inside, coarse_inside = annotation[annotation > 0], coarse_annotation[coarse_annotation > 0]
        assert (coarse_inside.min(), coarse_inside.max()) == pytest.approx((inside.min(), inside.max()), abs=4)
        assert (coarse_annotation > 0).mean() == pytest.approx((annotation > 0).mean(), abs=0.06)
        assert coarse_image.mean() == pytest.approx(image.mean(), abs=3)


def test_zooms_are_drawn_over_the_whole_range():
    of = tf.constant(np.zeros((SIZE, SIZE, 3), np.uint8)), tf.constant(np.ones((SIZE, SIZE), np.uint8))
    _, annotations = run_many(options(scale_min=0.25, scale_max=1.0), 300, of)
    zooms = np.sqrt(annotations.mean((1, 2)))
    assert (zooms.min() < 0.27, zooms.max() > 0.95) == (True, True)
    assert np.log2(zooms).mean() == pytest.approx(-1, abs=0.1)  # log-uniform: as often below 1/2 as above
    assert (zooms < 0.5).mean() == pytest.approx(0.5, abs=0.08)


def test_recolouring_stays_in_range():
    params = options(brightness=1.0, contrast=1.0, saturation=1.0)
    image, annotation = run(params)
    assert not np.array_equal(image, pair()[0])
    assert np.array_equal(annotation, pair()[1])
    bright = recolour(tf.fill([2, 2, 3], 200.0), tf.constant([0, 0, 0, 0, 0.999, 0.5, 0.5]), params)
    assert bright.dtype == tf.uint8
    assert (bright.numpy() == 255).all()  # not wrapped around


def draws(brightness=0.5, contrast=0.5, saturation=0.5):
    return tf.constant([0, 0, 0, 0, brightness, contrast, saturation])


def test_each_gain_does_what_its_name_says():
    params = options(brightness=0.5, contrast=0.5, saturation=0.5)
    image = tf.constant([[[100.0, 60, 40], [60, 60, 60]], [[20, 40, 80], [90, 90, 90]]])
    luma = np.array([0.299, 0.587, 0.114])
    mean = (image.numpy() @ luma).mean()
    gray = (image.numpy() @ luma)[..., None]
    assert np.array_equal(recolour(image, draws(), params), image)
    assert np.array_equal(recolour(image, draws(brightness=0), params), image / 2)
    low = np.rint(mean + (image - mean) / 2)
    assert np.allclose(recolour(image, draws(contrast=0), params), low, atol=1)
    pale = np.rint(gray + (image - gray) / 2)
    assert np.allclose(recolour(image, draws(saturation=0), params), pale, atol=1)
    assert not np.allclose(low, image, atol=3)
    assert not np.allclose(pale, image, atol=3)


def test_recolouring_is_brightness_then_contrast_then_saturation():
    """One matrix does what the three changes do one after another, in float64."""
    params = options(brightness=0.4, contrast=0.5, saturation=0.6)
    image = np.random.default_rng(0).uniform(0, 255, (20, 30, 3)).astype(np.float32)
    changed = image * np.float64(1 + 0.4 * (2 * 0.3 - 1))
    luma = np.array([0.299, 0.587, 0.114])
    mean = (changed @ luma).mean()
    changed = mean + (changed - mean) * (1 + 0.5 * (2 * 0.9 - 1))
    gray = (changed @ luma)[..., None]
    changed = gray + (changed - gray) * (1 + 0.6 * (2 * 0.2 - 1))
    result = recolour(tf.constant(image), draws(0.3, 0.9, 0.2), params).numpy()
    assert np.abs(result - changed.clip(0, 255)).max() < 0.501

"""Pictures through the network in batches, between threads that read and write."""

import threading
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from small_model import save_small_model

from sceneparse.core.errors import InputError
from sceneparse.inference.loading import load_parser
from sceneparse.inference.views import ONE_VIEW, Views
from sceneparse.predict.labelling import THREADS, Done, LabelOptions, Loaded, annotate, at_once, by_size, label_all

SIZES = [(40, 60), (90, 60), (61, 61), (120, 80), (33, 47), (60, 90), (80, 120), (20, 150), (64, 64)]


class Item(NamedTuple):
    name: str
    size: tuple[int, int] = (40, 60)


ITEMS = [Item(f"picture {number}", size) for number, size in enumerate(SIZES)]


def read(item):
    """A picture of coarse colours, another for each item."""
    generator = np.random.default_rng([len(item.name), *item.name.encode()])
    coarse = Image.fromarray(generator.integers(0, 256, (5, 7, 3), np.uint8))
    return np.asarray(coarse.resize(item.size[::-1], Image.Resampling.BICUBIC))


def keep(item, image, labels):
    assert labels.confidence is None, "it takes time, and was not asked for"
    return labels.annotation


@pytest.fixture(scope="module", params=["squash", "letterbox", "crop"])
def parser(request, tmp_path_factory):
    return load_parser(save_small_model(tmp_path_factory.mktemp("model"), mode=request.param), None)


@pytest.fixture(scope="module")
def squashing(tmp_path_factory):
    return load_parser(save_small_model(tmp_path_factory.mktemp("model")), None)


@pytest.mark.slow
@pytest.mark.parametrize("views", [ONE_VIEW, Views((1.0, 1.5), flip=True)])
def test_a_batch_gives_what_each_picture_gives_alone(parser, views):
    options = LabelOptions(views, batch=4)
    annotations = {done.source: done.result for done in label_all(parser, ITEMS, read, keep, options)}
    assert len(annotations) == len(ITEMS)
    for item, annotation in annotations.items():
        assert np.array_equal(annotation, parser.annotate(read(item), views)), item
    assert len({value for annotation in annotations.values() for value in np.unique(annotation)}) > 1


def test_batches_are_of_one_size_and_none_is_too_large(parser, monkeypatch):
    """Batches are bounded by their pictures and pixels; a picture to be tiled comes alone, and none gets lost."""
    loaded = [Loaded(item, read(item), 0.0) for item in 5 * ITEMS]
    for pixels, tile_above in ((50_000_000, None), (10_000, None), (50_000_000, 9_000)):
        monkeypatch.setattr("sceneparse.predict.labelling.PIXELS", pixels)
        groups = list(by_size(loaded, parser, LabelOptions(ONE_VIEW, 4, tile_above)))
        assert sorted(loaded.source for group in groups for loaded in group) == sorted(5 * ITEMS)
        assert all(len({parser.fitted(*loaded.image.shape[1::-1]) for loaded in group}) == 1 for group in groups)
        assert max(map(len, groups)) <= 4
        assert all(sum(loaded.image.size // 3 for loaded in group) <= pixels + 9_600 for group in groups)
        large = [group for group in groups if tile_above and group[0].image.size // 3 > tile_above]
        assert all(len(group) == 1 for group in large)
        assert len(large) == (10 if tile_above else 0)


def test_batches_of_long_pictures_have_fewer(tmp_path):
    """Mode crop makes 16 squares of a picture of 20 x 320, and four times as many at scale 2."""
    long = [Loaded(Item(str(number), (20, 320)), np.zeros((20, 320, 3), np.uint8), 0.0) for number in range(9)]
    crop = load_parser(save_small_model(tmp_path, mode="crop"), None)
    for scale, sizes in ((1.0, [4, 4, 1]), (2.0, 9 * [1])):
        options = LabelOptions(Views((scale,), flip=False), 8)
        assert [len(group) for group in by_size(long, crop, options)] == sizes
        assert at_once(320, 20, crop, options, "x") == sizes[0]
        assert at_once(320, 20, crop, options._replace(tile_above=6_000), "x") == 1
    with pytest.raises(InputError, match=r"1000 x 5 pixels[\s\S]*file: +video"):
        at_once(1000, 5, crop, LabelOptions(ONE_VIEW, 8), "video")


def test_a_failure_keeps_nothing_else_from_being_done(squashing):
    def refusal():
        return InputError("no", expected="yes", got="no", file="x", next_step="none")

    def sometimes_read(item):
        if item == ITEMS[2]:
            raise refusal()
        if item == ITEMS[4]:
            raise MemoryError
        return read(item)

    def sometimes_write(item, image, labels):
        if item == ITEMS[5]:
            raise refusal()
        if item == ITEMS[7]:
            raise MemoryError
        return "written"

    done = list(label_all(squashing, ITEMS, sometimes_read, sometimes_write, LabelOptions(ONE_VIEW, 3)))
    assert sorted(result.source for result in done) == sorted(ITEMS)
    failed = {result.source: result.result for result in done if isinstance(result.result, InputError)}
    assert failed.keys() == {ITEMS[number] for number in (2, 4, 5, 7)}
    assert [failed[ITEMS[number]].file for number in (4, 7)] == ["picture 4", "picture 7"]
    assert all(isinstance(result, Done) and result.seconds >= 0 for result in done)


def test_a_defect_ends_it(squashing):
    def broken(item):
        raise KeyError(item)

    with pytest.raises(KeyError):
        list(label_all(squashing, ITEMS, broken, keep, LabelOptions(ONE_VIEW, 3)))


def test_the_network_runs_while_others_are_read_and_written(squashing, monkeypatch):
    """The network waits in its second batch until a picture of the third is read and one of the first is written."""
    third_read, first_written, batches = threading.Event(), threading.Event(), []

    def reads(item):
        if item.name == "4":
            third_read.set()
        return read(item)

    def writes(item, image, labels):
        if item.name == "0":
            first_written.set()
        return labels

    def waits(images, *rest):
        batches.append(len(images))
        if len(batches) == 2:
            assert third_read.wait(30)
            assert first_written.wait(30)
        return annotate(images, *rest)

    monkeypatch.setattr("sceneparse.predict.labelling.annotate", waits)
    items = [Item(str(number)) for number in range(6)]
    assert len(list(label_all(squashing, items, reads, writes, LabelOptions(ONE_VIEW, 2)))) == 6
    assert batches == [2, 2, 2]


def test_memory_does_not_grow_with_the_number_of_pictures(squashing):
    held, counts = set(), []

    def reads(item):
        held.add(item)
        counts.append(len(held))
        return read(item)

    def writes(item, image, labels):
        held.remove(item)

    items = [Item(str(number)) for number in range(60)]
    assert len(list(label_all(squashing, items, reads, writes, LabelOptions(ONE_VIEW, 3)))) == 60
    assert not held
    assert max(counts) <= 2 * 3 + 2 * THREADS + 2, "a batch that is written, one that gathers, and those read ahead"


def test_tiles_that_take_too_much_memory_are_refused_by_name(squashing, monkeypatch):
    monkeypatch.setattr("sceneparse.predict.labelling.CANVAS_VALUES", 30_000)
    large = Item("large", (300, 400))
    done = list(label_all(squashing, [ITEMS[0], large], read, keep, LabelOptions(ONE_VIEW, 2, tile_above=5_000)))
    failed = {result.source: str(result.result) for result in done if isinstance(result.result, InputError)}
    assert failed.keys() == {large}
    assert "raise --tile-above" in failed[large]
    assert "file:     large" in failed[large]

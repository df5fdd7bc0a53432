"""sceneparse convert --share: exactly the share, of each class alike, and few that change sides."""

import numpy as np
import pytest
from mask_folders import converted, photo, save, split_of, write
from PIL import Image

from sceneparse.convert.pairing import Source
from sceneparse.convert.stratified import draw
from sceneparse.dataset.archive import Archive


def made(contents, path="{}"):
    """Pairs with these classes, by number."""
    names = [path.format(f"picture {number}") for number in range(len(contents))]
    return [Source(name, name, None, None) for name in names], [frozenset(values) for values in contents]


def random_contents(count, seed=0):
    """Draw 12 classes, the first nearly everywhere, the last in one picture of a hundred."""
    generator = np.random.default_rng(seed)
    likely = np.geomspace(0.9, 0.01, 12)
    return [set((np.flatnonzero(generator.random(12) < likely) + 1).tolist()) for _ in range(count)]


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [
        (24, 0.25, 6),
        (8, 0.25, 2),
        (10, 0.33, 3),
        (4, 0.0001, 1),
        (4, 0.9999, 3),
        (2, 0.5, 1),
        (1, 0.5, 0),
        (997, 0.2, 199),
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_exactly_the_share_is_drawn(count, share, expected, seed):
    pairs, classes = made(random_contents(count))
    assert sum(draw(pairs, classes, share, seed)) == expected


def test_each_class_gives_its_share():
    pairs, classes = made([{1}] * 60 + [{1, 2}] * 20 + [{1, 2, 3}] * 8 + [{4}] * 12)
    chosen = draw(pairs, classes, 0.25, 0)
    for members in (range(60), range(60, 80), range(80, 88), range(88, 100)):
        assert sum(chosen[index] for index in members) == 0.25 * len(members)


def test_the_only_picture_of_a_class_is_for_training():
    for seed in range(20):
        pairs, classes = made([{1}] * 10 + [{1, number} for number in range(2, 8)])
        chosen = draw(pairs, classes, 0.25, seed)
        assert sum(chosen) == 4
        assert not any(chosen[10:])


def test_rare_classes_are_spread_better_than_by_chance():
    contents = random_contents(400)
    pairs, classes = made(contents)

    def distance(chosen):
        held = [sum(chosen[index] for index, values in enumerate(contents) if c in values) for c in range(1, 13)]
        return sum(abs(0.2 - h / sum(c in v for v in contents)) for c, h in enumerate(held, 1))

    drawn = np.mean([distance(draw(pairs, classes, 0.2, seed)) for seed in range(20)])
    chance = np.mean([distance(np.random.default_rng(seed).permutation(400) < 80) for seed in range(20)])
    assert drawn < 0.6 * chance


def test_few_pictures_change_sides_where_some_are_added():
    contents = random_contents(300)
    before = draw(*made(contents), 0.2, 0)
    after = draw(*made(contents + random_contents(30, seed=1)), 0.2, 0)
    assert sum(after) == 66
    assert sum(was != now for was, now in zip(before, after, strict=False)) < 15  # by chance 100
    assert draw(*made(contents), 0.2, 0) == before
    assert draw(*made(contents), 0.2, 1) != before


def test_order_and_the_way_accents_are_written_do_not_matter():
    pairs, classes = made(random_contents(50), path="Zürich/{}")
    decomposed, _ = made(random_contents(50), path="Zu\u0308rich/{}")
    chosen = draw(pairs, classes, 0.3, 0)
    assert draw(decomposed, classes, 0.3, 0) == chosen
    assert draw(pairs[::-1], classes[::-1], 0.3, 0) == chosen[::-1]


def test_convert_looks_at_the_masks_classes(tmp_path, monkeypatch):
    """24 pictures, 4 of which show the third class: a quarter of those is one."""
    monkeypatch.chdir(tmp_path)
    for seed in range(24):
        mask = np.zeros((7, 9), np.uint8)
        mask[3:] = 1
        mask[5, 5] = 2 if seed % 6 == 0 else 1
        save(tmp_path / f"images/{seed}.png", photo(seed))
        save(tmp_path / f"masks/{seed}.png", Image.fromarray(mask))
    write(tmp_path / "classes.csv", "name,value\nsky,0\nroad,1\nthing,2\n")
    for seed in range(6):
        path = converted(f"images masks --classes classes.csv --share 0.25 --seed {seed} --out set.zip")
        splits = split_of(path)
        assert [*splits.values()].count("validation") == 6
        assert [splits[str(number)] for number in range(0, 24, 6)].count("validation") == 1
    with Archive(path) as archive:
        assert archive.classes == ("sky", "road", "thing")

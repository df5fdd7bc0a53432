"""Choice of the images that the report shows."""

from report_inputs import settings

from sceneparse.report.measured import ImageRow
from stages.visualize.stage import choose


def chosen(images, **changes):
    return {title: [row.id for row in rows] for title, rows in choose(images, settings(**changes)).items()}


# Scores descend from a to f; g has none.
IMAGES = [ImageRow(id, 0.5, score) for id, score in zip("fbdcaeg", [0.1, 0.8, 0.4, 0.6, 0.9, 0.2, None], strict=True)]


def test_best_and_worst():
    assert chosen(IMAGES, best=2, worst=3) == {"Best": ["a", "b"], "Worst": ["f", "e", "d"]}
    assert chosen(IMAGES, worst=1) == {"Worst": ["f"]}


def test_no_image_is_shown_twice():
    groups = chosen(IMAGES, best=4, worst=1, random=4)
    assert groups == {"Best": ["a", "b", "c", "d"], "Worst": ["f"], "Random": ["e"]}
    groups = chosen(IMAGES, best=1, worst=1, random=9)
    assert groups["Random"] == ["b", "c", "d", "e"]
    assert chosen([], best=3) == {}


def test_so_few_that_all_are_shown_have_one_heading():
    """Six images have a score: whether the last of them are among the best, or the worst, says nothing."""
    everything = {"All scored images, best first": list("abcdef")}
    assert chosen(IMAGES, best=4, worst=4, random=4) == everything
    assert chosen(IMAGES, best=3, worst=3) == everything
    assert chosen(IMAGES, worst=6) == everything
    assert chosen(IMAGES[-1:], best=4, worst=4) == {}, "no score"


def test_the_draw_depends_on_the_seed_alone():
    many = [ImageRow(f"{number:03}", 0.5, 0.5) for number in range(100)]
    draws = [chosen(many, random=5, seed=seed)["Random"] for seed in range(5)]
    assert chosen(many[::-1], random=5, seed=0)["Random"] == draws[0]
    assert len({tuple(draw) for draw in draws}) == 5
    assert chosen(many, best=1)["Best"] == ["000"], "ties go by id"

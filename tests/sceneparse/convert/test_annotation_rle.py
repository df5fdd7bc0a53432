"""Run lengths of annotation tools: against COCO's own library, and against an encoder written from the description."""

import numpy as np
import pytest
from annotated import ALL, SHARE, maps, pictures
from mask_folders import write
from pycocotools import mask as coco_mask
from tool_files import brush, coco, cvat, ls_task, write_json

from sceneparse.convert.annotations.rle import brush_to_mask, coco_counts, runs_to_mask


def random_mask(seed):
    generator = np.random.default_rng(seed)
    height, width = generator.integers(1, 90, 2)
    coarse = generator.random((height // 7 + 1, width // 5 + 1)) < generator.choice([0.02, 0.5, 0.98, 1.1])
    return np.kron(coarse, np.ones((7, 5), bool))[:height, :width]


def runs(flat):
    """Lengths of runs, of 0 first."""
    edges = np.flatnonzero(np.diff(np.concatenate([[2], flat.astype(int), [2]])))
    return ([0] if flat[0] else []) + np.diff(edges).tolist()


@pytest.mark.parametrize("seed", range(30))
def test_all_decode_to_the_same_mask(seed):
    mask = random_mask(seed)
    encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    counts = coco_counts(encoded["counts"].decode())
    assert counts == runs(mask.T.ravel())
    assert np.array_equal(runs_to_mask(counts, *mask.shape, by_columns=True), mask)
    assert np.array_equal(runs_to_mask(runs(mask.ravel()), *mask.shape, by_columns=False), mask)
    assert np.array_equal(brush_to_mask(brush(mask), mask.shape[::-1]), mask)


def test_a_large_one_of_cocos():
    mask = np.zeros((3000, 4000), np.uint8)
    mask[5:2900, 7:3900:3] = 1
    counts = coco_counts(coco_mask.encode(np.asfortranarray(mask))["counts"].decode())
    assert np.array_equal(runs_to_mask(counts, 3000, 4000, by_columns=True), mask == 1)


@pytest.mark.parametrize(
    ("decode", "expected"),
    [
        (lambda: runs_to_mask([3, 4], 2, 3, by_columns=True), "do not add up to 3 x 2"),
        (lambda: runs_to_mask([9, -3], 2, 3, by_columns=True), "do not add up"),
        (lambda: runs_to_mask([2**62, 2**62, 2**62, 2**62, 6], 2, 3, by_columns=True), "do not add up"),
        (lambda: coco_counts("0 1"), "' ' is no character"),
        (lambda: coco_counts("0oo"), "cut off"),
        (lambda: coco_counts("ö"), "no character"),
        (lambda: brush_to_mask(b"", (3, 2)), "cut off"),
        (lambda: brush_to_mask(brush(np.ones((2, 3), bool)), (3, 3)), "not of 3 x 3"),
        (lambda: brush_to_mask(brush(np.ones((2, 3), bool))[:-2], (3, 2)), "cut off"),
        (lambda: brush_to_mask(brush(np.eye(3, dtype=bool))[:-4], (3, 3)), "cut off"),
        (lambda: brush_to_mask(bytes([0, 0, 0, 24]) + bytes([255] * 40), (3, 2)), "of 32 bits, not of 8"),
        (
            lambda: brush_to_mask(bytes([0, 0, 0, 24, 0b0011_1111]) + bytes([255] * 40), (3, 2)),
            "more pixels than the picture",
        ),
    ],
)
def test_damaged_ones(decode, expected):
    with pytest.raises(ValueError, match=expected):
        decode()


def test_in_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "p")
    mask = np.zeros((6, 8), bool)
    mask[2:4, 1:7], mask[5, 7] = True, True
    rows = ["00000000", "00000000", "01111110", "01111110", "00000000", "00000001"]
    counts = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    write_json(tmp_path / "c.json", coco((0, 0, {"counts": counts, "size": [6, 8]}), (1, 0, [[0, 0, 0, 0, 0, 0]])))
    b = ["10000000", *ALL[1:]]
    maps(f"p c.json {SHARE}", a=rows, b=b)
    stroke = {"format": "rle", "rle": list(brush(mask))}
    dot = {"points": [[0, 0], [0, 1], [1, 0]]}
    tasks = [
        ls_task("s3://bucket/x/a.jpg", ("brushlabels", "x", stroke)),
        ls_task("b.jpg", ("polygonlabels", "x", dot)),
    ]
    write_json(tmp_path / "l.json", tasks)
    maps(f"p l.json {SHARE}", a=rows, b=b)
    text = ", ".join(map(str, runs(mask.ravel())))
    element = f'<mask label="road" rle="{text}" left="0" top="0" width="8" height="6" z_order="0"/>'
    write(
        tmp_path / "v.xml", cvat(("a.jpg", element), ("b.jpg", '<box label="road" xtl="0" ytl="0" xbr="0" ybr="0"/>'))
    )
    maps(f"p v.xml {SHARE}", a=rows, b=b)

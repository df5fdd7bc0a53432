"""sceneparse convert: masks as tools and people save them, read by value or colour, and what is said of them."""

import struct

import numpy as np
import pytest
from mask_folders import annotation, contents, converted, photo, refused, save, write
from photos import png, turned
from PIL import Image

from sceneparse.convert.mask_legend import Legend
from sceneparse.convert.masks import annotate, nearest

SIZE = (16, 12)
RGB = np.array([[0, 0, 0], [128, 128, 128], [255, 0, 0]], np.uint8)
VALUES = "name,value\nsky,0\nroad,1\nthing,2\n"
COLOURS = "name,r,g,b\nsky,0,0,0\nroad,128,128,128\nthing,255,0,0\n"
DEEP = "name,value\nsky,0\nroad,12000\nthing,24000\n"
BLACK_WHITE = "name,value\nsky,0\nthing,255\n"
LINE = "images masks --classes classes.csv --share 0.5 --out set.zip"


pytestmark = pytest.mark.usefixtures("here")


def classes(seed):
    """Return a class 0..2 for each pixel: sky above road, and a thing."""
    values = np.zeros(SIZE[::-1], np.uint8)
    values[6:] = 1
    row, column = np.random.default_rng(seed).integers(1, (6, 9))
    values[row : row + 5, column : column + 6] = 2
    return values


def folders(folder, mask_of, table, suffix=".png", **options):
    """Four pictures, their masks made from their classes, and the class table."""
    for seed in range(4):
        save(folder / f"images/{seed}.jpg", photo(seed, SIZE))
        save(folder / f"masks/{seed}{suffix}", mask_of(classes(seed)), **options)
    write(folder / "classes.csv", table)


def annotations(path):
    members = contents(path)
    return {int(n[-5]): np.array(annotation(c)) for n, c in members.items() if n.startswith("annotations/")}


def exact(path, expected=lambda values: values + 1):
    made = annotations(path)
    return len(made) == 4 and all(np.array_equal(made[seed], expected(classes(seed))) for seed in range(4))


def transparent(values):
    """Colours, and other ones hidden below what is transparent: black in all tables."""
    pixels = np.dstack([RGB[values], np.full(values.shape, 255, np.uint8)])
    pixels[values == 0] = 255, 0, 0, 0
    pixels[values == 1, 3] = 100  # half transparent, as an overlay
    return Image.fromarray(pixels)


def palette(values):
    """With another colour below what is transparent."""
    mask = Image.fromarray(values)
    mask.putpalette(bytes([9, 9, 9, *RGB[1], *RGB[2]]))
    mask.info["transparency"] = 0
    return mask


def gray_and_alpha(values):
    """With a 4, hidden where it is transparent, which no class has."""
    gray, alpha = values | 4 * (values == 0), 255 * (values > 0)
    return Image.merge("LA", [Image.fromarray(channel.astype(np.uint8)) for channel in (gray, alpha)])


MASKS = {
    "1 bit": (lambda values: Image.fromarray(values == 1), "name,value\nsky,0\nroad,1\n", ".png"),
    "16 bits": (lambda values: Image.fromarray(values.astype(np.uint16) * 12_000), DEEP, ".png"),
    "R=G=B": (lambda values: Image.fromarray(np.repeat(values[..., None], 3, 2)), VALUES, ".png"),
    "R=G=B, alpha": (lambda values: gray_and_alpha(values).convert("RGBA"), VALUES, ".png"),
    "gray, alpha": (gray_and_alpha, VALUES, ".png"),
    "int32": (lambda values: Image.fromarray(values.astype(np.int32)), VALUES, ".tif"),
    "float32": (lambda values: Image.fromarray(values.astype(np.float32)), VALUES, ".tif"),
    "RGBA": (transparent, COLOURS, ".png"),
    "palette, alpha": (palette, COLOURS, ".png"),
}


@pytest.mark.parametrize("kind", MASKS)
def test_masks_of_many_kinds(tmp_path, kind):
    mask_of, table, suffix = MASKS[kind]
    folders(tmp_path, mask_of, table, suffix)
    assert exact(converted(LINE), lambda values: 1 + (values == 1) if kind == "1 bit" else values + 1)


@pytest.mark.parametrize("kind", ["palette", "gray", "RGB"])
def test_a_value_that_its_file_declares_transparent_stays(tmp_path, kind):
    """A 0 in its place may be a class, and 255 is ignored, as in VOC's masks."""
    mask_of = {
        "palette": palette,
        "gray": Image.fromarray,
        "RGB": lambda values: Image.fromarray(values).convert("RGB"),
    }
    folders(tmp_path, mask_of[kind], VALUES, transparency=(2, 2, 2) if kind == "RGB" else 2)
    with Image.open(tmp_path / "masks/0.png") as mask:
        assert np.asarray(mask.convert("RGBA"))[classes(0) == 2, 3].max() == 0
    assert exact(converted(LINE))


def test_values_below_zero_are_unknown_and_named(tmp_path):
    folders(
        tmp_path, lambda values: Image.fromarray(values.astype(np.int32) - 1), "name,value\nignored,0\nx,1\n", ".tif"
    )
    pixels = sum((classes(seed) == 0).sum() for seed in range(4))
    refused(LINE, f"-1: {pixels} pixels in 4 masks")
    assert exact(converted(f"{LINE} --unknown ignore"), lambda values: np.where(values == 2, 1, 0))


def test_jpeg_masks_are_refused_with_the_option_that_reads_them(tmp_path, capsys):
    folders(tmp_path, lambda v: Image.fromarray(255 * (v == 2).astype(np.uint8)), BLACK_WHITE, ".jpg", quality=75)
    refused(LINE, "masks/0.jpg: a JPEG: it changes values and colours", "save masks as PNG", "--tolerance N")
    assert exact(converted(f"{LINE} --tolerance 127"), lambda values: 1 + (values == 2))
    moved = 0
    for seed in range(4):
        with Image.open(tmp_path / f"masks/{seed}.jpg") as mask:
            moved += int((~np.isin(np.asarray(mask), (0, 255))).sum())
    assert moved > 20
    assert f"{moved} pixels ({moved / 768:.1%} of all) in 4 masks moved to the nearest class" in capsys.readouterr().out
    refused(f"{LINE} --tolerance 2", "pixels in")


def test_a_jpeg_that_is_called_png_is_no_exact_mask(tmp_path):
    folders(tmp_path, lambda v: Image.fromarray(255 * (v == 2).astype(np.uint8)), BLACK_WHITE, format="JPEG")
    refused(LINE, "masks/0.png: a JPEG")


def test_a_tolerance_that_cannot_tell_two_classes_apart_is_warned_of(tmp_path, capsys):
    folders(tmp_path, Image.fromarray, VALUES, ".jpg", quality=75)
    converted(f"{LINE} --tolerance 20")
    assert "warning: --tolerance 20 cannot tell 0 from 1" in capsys.readouterr().out
    grays = np.array([0, 100, 255], np.uint8)
    folders(tmp_path, lambda v: Image.fromarray(grays[v]), "name,value\na,0\nb,100\nc,255\n", ".jpg", quality=75)
    converted(f"{LINE} --tolerance 99")
    assert "cannot tell" not in capsys.readouterr().out


@pytest.mark.parametrize(("suffix", "bits"), [(".png", 16), (".tif", 16), (".tif", 4)])
def test_values_that_pillow_would_change_are_refused(tmp_path, suffix, bits):
    """16 bits in three channels, of which it keeps the upper 8, and 4 bits, which it stretches."""
    folders(tmp_path, Image.fromarray, VALUES)
    (tmp_path / "masks/0.png").unlink()
    deep = np.repeat(classes(0)[..., None], 3, 2).astype(">u2").tobytes()
    if suffix == ".png":
        content = png(*SIZE, 16, 2, [deep[start : start + 96] for start in range(0, len(deep), 96)])
    elif bits == 16:
        content = tiff((16, 16, 16), 2, deep)
    else:
        content = tiff((4,), 1, (classes(0)[:, ::2] << 4 | classes(0)[:, 1::2]).tobytes())
    (tmp_path / f"masks/0{suffix}").write_bytes(content)
    with Image.open(tmp_path / f"masks/0{suffix}") as mask:
        assert np.asarray(mask).max() != 2, "the fault that is guarded against"
    refused(LINE, f"masks/0{suffix}: expected 8 bits a channel for values in mode", f"got {bits}")


def tiff(bits, photometric, pixels):
    """Uncompressed, big-endian, a single strip after the directory."""
    count = 9
    after = 8 + 2 + 12 * count + 4
    start = after + 2 * len(bits)
    entries = [(256, 4, 1, SIZE[0]), (257, 4, 1, SIZE[1])]
    entries += [(258, 3, len(bits), after if len(bits) > 1 else bits[0] << 16), (259, 3, 1, 1 << 16)]
    entries += [(262, 3, 1, photometric << 16), (273, 4, 1, start), (277, 3, 1, len(bits) << 16)]
    entries += [(278, 4, 1, SIZE[1]), (279, 4, 1, len(pixels))]
    directory = b"".join(struct.pack(">HHII", *entry) for entry in entries)
    tail = struct.pack(f">{len(bits)}H", *bits)
    return struct.pack(">2sHIH", b"MM", 42, 8, count) + directory + bytes(4) + tail + pixels


def test_colours_that_are_slightly_off(tmp_path, capsys):
    def noisy(values):
        noise = np.random.default_rng(0).integers(-3, 4, (*values.shape, 3))
        return Image.fromarray((RGB[values].astype(int) + noise).clip(0, 255).astype(np.uint8))

    folders(tmp_path, noisy, COLOURS)
    refused(LINE, "so many come from smoothed edges", "for masks with smoothed edges, --tolerance")
    assert exact(converted(f"{LINE} --tolerance 3"))
    refused(f"{LINE} --tolerance 2", "not all pairs can be used")
    capsys.readouterr()
    converted(f"{LINE} --unknown ignore")
    zeroed = sum(int((values == 0).sum()) for values in annotations(tmp_path / "set.zip").values())
    shown = capsys.readouterr().out
    assert zeroed > 384
    assert f"warning: --unknown ignore made {zeroed} pixels ({zeroed / 768:.1%} of all) 0" in shown


def test_few_unknown_pixels_deserve_no_warning(tmp_path, capsys):
    folders(tmp_path, Image.fromarray, VALUES.replace("thing,2\n", "thing,3\n"))
    converted(f"{LINE} --unknown ignore")
    shown = capsys.readouterr().out
    assert "\n--unknown ignore made 120 pixels (15.6% of all) 0" in shown
    assert "warning: --unknown" not in shown


def test_the_nearest_code_is_that_of_a_search_over_all():
    generator = np.random.default_rng(0)
    colours = generator.integers(0, 256, (9, 3))
    codes = tuple((int(r << 16 | g << 8 | b), number) for number, (r, g, b) in enumerate(colours))
    legend = Legend(tuple("abcdefgh"), True, codes)
    asked = generator.integers(0, 256, (5000, 3))
    expected = []
    for colour in asked:
        near = [(((c - colour) ** 2).sum(), n) for n, c in enumerate(colours) if abs(c - colour).max() <= 60]
        expected.append(min(near)[1] if near else 255)
    assert {255, *range(9)} == set(expected)
    assert nearest(asked @ [65536, 256, 1], legend, 60).tolist() == expected


def adaptive(values):
    """With a palette of its own, in order of frequency, as quantizing programs make it."""
    order = np.argsort(-np.bincount(values.ravel(), minlength=3), kind="stable")
    mask = Image.fromarray(np.argsort(order).astype(np.uint8)[values])
    mask.putpalette(RGB[order].tobytes())
    return mask


def test_palettes_that_disagree_are_refused_by_value_and_right_by_colour(tmp_path):
    folders(tmp_path, Image.fromarray, VALUES)
    assert exact(converted(LINE)), "without palettes nothing can disagree"
    for seed in range(4):
        save(tmp_path / f"masks/{seed}.png", adaptive(classes(seed) if seed else 2 - classes(seed)))
    error = refused(LINE, "in its palette", "in masks/0.png", "say --masks-by value")
    assert "masks/0.png: " not in error.got
    converted(f"{LINE} --masks-by value")
    write(tmp_path / "classes.csv", COLOURS)
    converted(LINE)
    made = annotations(tmp_path / "set.zip")
    assert all(np.array_equal(made[seed], classes(seed) + 1) for seed in (1, 2, 3))


def test_entries_of_a_palette_that_do_not_occur_may_differ(tmp_path):
    def with_rest(values):
        mask = Image.fromarray(values)
        mask.putpalette(bytes([*RGB.ravel(), *[int(values[3, 3])] * 30]))
        return mask

    folders(tmp_path, with_rest, VALUES)
    assert exact(converted(LINE))


def test_pictures_whose_masks_lie_as_they_are_stored_stay(tmp_path, capsys):
    folders(tmp_path, Image.fromarray, VALUES)
    save(tmp_path / "images/0.jpg", photo(0, SIZE), exif=turned())
    members = contents(converted(LINE))
    (member,) = (name for name in members if name.startswith("images/") and name.endswith("/0.jpg"))
    assert members[member] == (tmp_path / "images/0.jpg").read_bytes()
    assert "turned upright" not in capsys.readouterr().out


def test_a_large_mask_all_of_whose_colours_are_off(tmp_path):
    noise = np.random.default_rng(0).integers(-3, 4, (1000, 1000, 3))
    colours = np.array([[8 * n, 255 - n, 4 * n] for n in range(30)])
    exactly = np.random.default_rng(1).integers(0, 30, (1000, 1000))
    save(tmp_path / "m.bmp", Image.fromarray((colours[exactly] + noise).clip(0, 255).astype(np.uint8)))
    legend = Legend(
        tuple(map(str, range(30))), True, tuple((int(c @ [65536, 256, 1]), n + 1) for n, c in enumerate(colours))
    )
    values, notes = annotate(tmp_path / "m.bmp", legend, 3)
    assert np.array_equal(values, exactly + 1)
    assert (notes.pixels, notes.unknown) == (1_000_000, {})

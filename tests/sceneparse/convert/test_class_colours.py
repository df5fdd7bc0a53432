"""A dataset's own colours: from convert's class table to the records, the card and the pictures; ADE20K's own."""

import numpy as np
import pytest
from datasets import demo_params, write_archive

from sceneparse.convert.inspection import inspect
from sceneparse.convert.mask_legend import read_labels, read_legend
from sceneparse.core.errors import InputError
from sceneparse.dataset.ade20k import COLOURS
from sceneparse.dataset.class_table import class_colours, scan_class_table
from sceneparse.records.manifest import open_records
from sceneparse.scores.palette import class_palette, palette
from stages.prepare.stage import prepare

TABLES = {
    "hex": "name,value,colour\nsky,0,#87ceeb\nroad,1,#808080\ntree,2,\n",
    "channels": "name,value,r,g,b\nsky,0,135,206,235\nroad,1,128,128,128\ntree,2,,,\n",
    "json": '[{"name": "sky", "id": 0, "color": [135, 206, 235]}, {"name": "road", "id": 1, "color": "#808080"}, '
    '{"name": "tree", "id": 2}]',
}


@pytest.mark.parametrize("form", TABLES)
def test_convert_writes_the_colours_of_its_table(tmp_path, form):
    path = tmp_path / ("classes.json" if form == "json" else "classes.csv")
    path.write_text(TABLES[form])
    for legend in (read_legend(path, "value", None), read_labels(path, None)):
        assert legend.names == ("sky", "road", "tree")
        assert class_colours(legend.table()) == ("#87ceeb", "#808080", "")
        assert scan_class_table(legend.table()) == (("sky", "road", "tree"), [])


def test_masks_of_colours_name_the_first_of_a_class(tmp_path):
    path = tmp_path / "classes.csv"
    path.write_text("name,colour\ncar,#00008e\nroad,#804080\ncar,#000046\nignored,#000000\n")
    assert class_colours(read_legend(path, None, None).table()) == ("#00008e", "#804080")
    path.write_text("name,value\nsky,0\n")
    assert read_legend(path, None, None).table() == b"Idx\tName\n1\tsky\n", "without colours as ever"
    path.write_text("name,value,colour\nsky,0,bluish\n")
    with pytest.raises(InputError, match="bluish"):
        read_legend(path, "value", None)


def coloured_table(*colours):
    rows = zip((1, 2, 3), ("sky", "road", "tree"), colours, strict=True)
    return lambda _: ("Idx\tName\tColor\n" + "".join("{}\t{}\t{}\n".format(*row) for row in rows)).encode()


def test_records_keep_them_and_check_names_those_that_two_classes_share(tmp_path):
    changes = {"objectInfo150.txt": coloured_table("#87CEEB", "", "#87ceeb")}
    write_archive(tmp_path / "set.zip", changes=changes)
    prepare(demo_params(prepare={"size": 32}), tmp_path / "set.zip", tmp_path / "records")
    assert open_records(tmp_path / "records").colours == ("#87ceeb", "", "#87ceeb")
    (finding,) = [finding for finding in inspect(tmp_path / "set.zip", 4).findings if finding.kind == "same_colour"]
    assert (finding.where, finding.text) == ("class 3", "tree: #87ceeb, as sky")
    write_archive(tmp_path / "plain.zip")
    prepare(demo_params(prepare={"size": 32}), tmp_path / "plain.zip", tmp_path / "plain")
    assert "colours" not in (tmp_path / "plain/manifest.json").read_text()
    assert open_records(tmp_path / "plain").colours == ()


def test_a_models_card_has_them(tmp_path):
    """Predictions, page, report and exports take their colours from there."""
    from sceneparse.network.saving import describe

    write_archive(tmp_path / "set.zip", changes={"objectInfo150.txt": coloured_table("#87ceeb", "", "#0a7f2c")})
    params = demo_params(prepare={"size": 32})
    prepare(params, tmp_path / "set.zip", tmp_path / "records")
    best = {"epoch": 1, "step": 1, **{f"validation/{name}": 0.5 for name in ("mean_iou", "pixel_accuracy", "loss")}}
    manifest = open_records(tmp_path / "records")
    card = describe(tmp_path / "records", manifest, params.model, params.train, best)
    assert (card.palette[0], card.palette[2]) == ("#87ceeb", "#0a7f2c")
    assert card.palette[1] not in ("#000000", "#87ceeb", "#0a7f2c")


def test_a_class_keeps_its_colour_and_the_others_get_others():
    generated, names = palette(5), [f"class {number}" for number in range(254)]
    own = ["", "#{:02x}{:02x}{:02x}".format(*generated[1]), "", "#87ceeb", ""]  # class 2 has what class 1 would get
    colours = class_palette(names[:5], own)
    assert colours[2].tolist() == generated[1].tolist()
    assert colours[4].tolist() == [0x87, 0xCE, 0xEB]
    assert colours[0].tolist() == [0, 0, 0]
    assert len(np.unique(colours, axis=0)) == 6
    for none in ((), [""] * 5):
        assert np.array_equal(class_palette(names[:5], none), generated)
    own = [f"#{value:02x}8080" if value % 2 else "" for value in range(254)]
    assert len(np.unique(class_palette(names, own), axis=0)) > 250


def test_ade20ks_own_colours(tmp_path):
    """Some of them as the benchmark's pictures show: wall, sky, tree, person, and the last class, flag."""
    assert len(COLOURS) == 150
    assert len(set(COLOURS)) == 149, "road and skyscraper share one"
    names = tuple(f"class {number}" for number in range(1, 151))
    rgb = class_palette(names, COLOURS)
    shown = {1: (120, 120, 120), 3: (6, 230, 230), 5: (4, 200, 3), 13: (150, 5, 61), 150: (92, 0, 255)}
    assert {value: tuple(rgb[value].tolist()) for value in shown} == shown
    assert rgb[7].tolist() == rgb[49].tolist() == [140, 140, 140]

    write_archive(tmp_path / "set.zip", classes=names, training=2, validation=1)
    prepare(demo_params(prepare={"size": 32, "colours": "ade20k"}), tmp_path / "set.zip", tmp_path / "records")
    assert open_records(tmp_path / "records").colours == COLOURS
    write_archive(tmp_path / "other.zip", training=2, validation=1)
    with pytest.raises(InputError, match=r"(?s)150 classes.*3 classes.*prepare\.colours"):
        prepare(demo_params(prepare={"size": 32, "colours": "ade20k"}), tmp_path / "other.zip", tmp_path / "again")

"""Folders like those of CamVid, Pascal VOC and Cityscapes; each function returns convert's words for its folder."""

import json

from mask_folders import drawn, photo, save, write
from PIL import Image

SKY, CAR, TRUCK, VOID = (128, 128, 128), (64, 0, 128), (192, 128, 192), (0, 0, 0)
CAMVID = "name,r,g,b\nsky,128,128,128\nvehicle,64,0,128\nvehicle,192,128,192\nIgnored,0,0,0\n"
VOC = "name,value\nbackground,0\naeroplane,1\nbicycle,2\n"
CITYSCAPES = [
    {"name": "road", "id": 7},
    {"name": "vehicle", "id": [26, 27]},
    {"name": "sidewalk", "id": 8},
    {"name": "ignored", "id": list(range(7))},
]

# Annotation values by code.
CAMVID_CODES = {SKY: 1, CAR: 2, TRUCK: 2, VOID: 0}
VOC_CODES = {0: 1, 1: 2, 2: 3, 255: 0}
CITYSCAPES_CODES = {7: 1, 26: 2, 27: 2, 8: 3, 0: 0, 1: 0, 6: 0}


def camvid(folder, names=("a", "b", "c", "d")):
    for seed, name in enumerate(names):
        save(folder / f"raw/{name}.png", photo(seed))
        save(folder / f"labels/{name}_L.png", Image.fromarray(drawn(seed, [*CAMVID_CODES])))
    write(folder / "camvid.csv", CAMVID)
    return f"raw labels --mask-suffix _L --classes camvid.csv --out set.zip --share 0.5 --seed {len(names)}"


def voc(folder):
    for seed, name in enumerate(("2007_1", "2007_2", "2007_3", "2007_4")):
        save(folder / f"JPEGImages/{name}.jpg", photo(seed), quality=90)
        if name != "2007_4":
            mask = Image.fromarray(drawn(seed, [*VOC_CODES]))
            mask.putpalette([channel for value in range(256) for channel in (value, 255 - value, 7)])
            save(folder / f"SegmentationClass/{name}.png", mask)
    write(folder / "voc.csv", VOC)
    write(folder / "train.txt", "2007_1\n2007_3\n")
    write(folder / "val.txt", "2007_2\r\n\r\n")
    return "JPEGImages SegmentationClass --classes voc.csv --lists train.txt val.txt --out set.zip"


def cityscapes(folder):
    for seed, name in enumerate(("train/ulm/ulm_1", "train/bonn/bonn_1", "val/kiel/kiel_1", "test/rom/rom_1")):
        save(folder / f"leftImg8bit/{name}_leftImg8bit.png", photo(seed))
        values = drawn(seed, sorted(CITYSCAPES_CODES))
        save(folder / f"gtFine/{name}_gtFine_labelIds.png", Image.fromarray(values))
        save(folder / f"gtFine/{name}_gtFine_color.png", photo(seed))
        write(folder / f"gtFine/{name}_gtFine_polygons.json", "{}")
    write(folder / "cityscapes.json", json.dumps(CITYSCAPES))
    return (
        "leftImg8bit gtFine --image-suffix _leftImg8bit --mask-suffix _gtFine_labelIds --classes cityscapes.json "
        "--folders --out set.zip"
    )

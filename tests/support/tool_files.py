"""Files as annotation tools write them, about pictures of annotated.SIZE."""

import json

import numpy as np
from annotated import SIZE


def write_json(path, content, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding=encoding)


def flat(points):
    return [coordinate for point in points for coordinate in point]


def labelme(folder, name, *shapes, **more):
    """A labelme file; a shape is a label, points, and its kind if it is no polygon."""
    listed = [
        {"label": label, "points": points, "shape_type": (*kind, "polygon")[0], "group_id": None, "flags": {}}
        for label, points, *kind in shapes
    ]
    size = {"imageWidth": SIZE[0], "imageHeight": SIZE[1]}
    content = {"version": "5.5.0", "flags": {}, "shapes": listed, "imagePath": f"{name}.jpg", "imageData": None}
    write_json(folder / f"{name}.json", content | size | more)


def coco(*annotations, images=("a.jpg", "b.jpg"), categories=("road", "car"), **more):
    """COCO's instances; an annotation is a picture's number, a category's, and its segmentation."""
    return {
        "info": {},
        "images": [
            {"id": 10 + number, "file_name": name, "width": SIZE[0], "height": SIZE[1]}
            for number, name in enumerate(images)
        ],
        "categories": [{"id": 5 + number, "name": name} for number, name in enumerate(categories)],
        "annotations": [
            {"id": id, "image_id": 10 + image, "category_id": 5 + category, "segmentation": outline, "iscrowd": 0}
            for id, (image, category, outline) in enumerate(annotations)
        ],
    } | more


def cvat(*images, labels=("road", "car")):
    """CVAT for images; an image is its name and its elements."""
    listed = "".join(f"<label><name>{label}</name><color>#fa3253</color></label>" for label in labels)
    shown = "".join(
        f'<image id="{id}" name="{name}" width="8" height="6">{"".join(elements)}</image>'
        for id, (name, *elements) in enumerate(images)
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task><id>1</id>'
        f"<labels>{listed}</labels></task></meta>{shown}</annotations>"
    )


def polygon(label, points, z=0):
    text = ";".join(f"{x},{y}" for x, y in points)
    return f'<polygon label="{label}" source="manual" occluded="0" points="{text}" z_order="{z}"></polygon>'


def ls_task(address, *results, **more):
    """A task of Label Studio's; a result is its type, its label and its value."""
    listed = [
        {
            "type": type,
            "id": f"r{number}",
            "value": value | ({type: [label]} if label else {}),
            "original_width": SIZE[0],
            "original_height": SIZE[1],
            "image_rotation": 0,
        }
        for number, (type, label, value) in enumerate(results)
    ]
    annotations = [{"id": 1, "result": listed, "was_cancelled": False, "ground_truth": False}]
    return {"id": 7, "data": {"image": address}, "annotations": annotations} | more


def percent(points):
    return [[100 * x / SIZE[0], 100 * y / SIZE[1]] for x, y in points]


def brush(mask):
    """Encode a mask as Label Studio's brush does: in blocks of up to 16 equal words, or of different ones."""
    words = np.repeat(mask.ravel() * 255, 4).tolist()
    bits = f"{len(words):032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    place = 0
    while place < len(words):
        some = words[place : place + 16]
        if len(set(some)) == 1:
            bits += f"1{1:02b}{len(some) - 1:04b}{some[0]:08b}"
        else:
            bits += f"0{2:02b}{len(some) - 1:08b}" + "".join(f"{word:08b}" for word in some)
        place += len(some)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))

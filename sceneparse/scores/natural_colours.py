"""Colours that people expect of common classes: a light blue sky, dark green trees, a grey road.

Input: a class's name, in any spelling: `Trees`, `SignSymbol`, `brick-wall`, `person;individual;someone`. Output: its
natural colour, and how well the name fits. The tests measure the distances between the colours.
"""

import re
from typing import NamedTuple

NATURAL = {  # the first of several classes of one row gets the row's colour, in the order of the row
    "#78c8f0": "sky",
    "#3c8cf4": "water, river, lake, pond, pool, stream, canal, waterfall, water body",
    "#0a60a6": "sea, ocean",
    "#e6eef2": "snow, ice, glacier, cloud, ceiling",
    "#28602a": "tree, forest, woods, woodland, palm, vegetation, nature",
    "#80dc64": "grass, lawn, meadow, grassland, rangeland, pasture, turf",
    "#1c9e72": "plant, bush, shrub, hedge, flora",
    "#a4a83c": "field, farmland, cropland, crop, agriculture, agricultural",
    "#f880b8": "flower, blossom",
    "#746e78": "road, street, route, highway, roadway, asphalt, lane",
    "#c4b2dc": "pavement, sidewalk, footpath, footway, walkway, path",
    "#bc4010": "building, house, edifice, skyscraper, roof, hut",
    "#eac8ba": "wall",
    "#ffc870": "sand, beach, desert, dune",
    "#6c5236": "earth, ground, soil, dirt, mud, terrain, bareland, barren, land",
    "#8a76c4": "mountain, mount, hill",
    "#9c9c98": "rock, stone, cliff, boulder, gravel",
    "#a87c52": "fence, fencing, railing, guardrail, guard rail, floor, flooring",
    "#384e52": "pole, post, column, streetlight, street light, street lamp, lamppost, background",
    "#f8ee0c": "sign, signboard, signage, signsymbol, sign symbol, billboard",
    "#ff8200": "traffic light, traffic signal, stoplight",
    "#2826dc": "car, automobile, auto, vehicle, van",
    "#008898": "bus, truck, lorry, train, tram",
    "#743456": "bicycle, bike, motorcycle, motorbike, cycle, scooter",
    "#d010ac": "bicyclist, cyclist, rider, motorcyclist",
    "#dc1848": "person, pedestrian, people, human, individual, man, woman, child",
    "#fc7058": "boat, ship",
}
FILLERS = {"other", "misc", "merged"}  # words of names such as COCO's water-other and CamVid's VegetationMisc
PLURALS = (("", ""), ("s", ""), ("es", ""), ("ies", "y"))

_ROWS = {colour: names.split(", ") for colour, names in NATURAL.items()}
_PLACES = {name: (colour, place) for colour, names in _ROWS.items() for place, name in enumerate(names)}


class Natural(NamedTuple):
    """Natural colour of a name, #rrggbb, and a rank: of two names in one colour, the lower rank fits it better."""

    colour: str
    rank: int


def natural_colour(name: str) -> Natural | None:
    """Return the natural colour of a class's name, or None for names that have none.

    Synonyms, after commas, semicolons, slashes or bars, count too. If none is in the table, the last word of each
    counts: a `palm tree` is a tree, and a `tree trunk` is none.
    """
    synonyms = [words for part in re.split(r"[,;/|]", name) if (words := _words(part))]
    for last, key in ((0, " ".join), (len(_PLACES), lambda words: words[-1])):
        for words in synonyms:
            for ending, singular in PLURALS:
                text = key(words)
                if text.endswith(ending) and (found := _PLACES.get(text.removesuffix(ending) + singular)):
                    colour, place = found
                    return Natural(colour, last + place)
    return None


def _words(text: str) -> list[str]:
    """Return the words of a name in lower case; a capital after a small letter begins one."""
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).casefold())
    return [word for word in words if word not in FILLERS]

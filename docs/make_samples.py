"""The sample pictures of `sceneparse web`: four scenes that the demo's dataset does not have.

python docs/make_samples.py
"""

from pathlib import Path

from stages.download.painting.scenes import CATEGORIES, draw_scene

FOLDER = Path(__file__).parents[1] / "sceneparse/web/page/samples"
SEEDS = {"street": 136, "village": 113, "coast": 106, "valley": 110}  # wide scenes, with many classes
QUALITY = 75  # four files below 100 kB


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    names = [category.__name__ for category in CATEGORIES]
    for name, seed in SEEDS.items():
        _, picture, _ = draw_scene(seed, "validation", names.index(name))
        picture.save(FOLDER / f"{name}.jpg", quality=QUALITY)


if __name__ == "__main__":
    main()

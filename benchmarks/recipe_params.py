"""Recipes that `benchmarks.recipes` compares: the params that each changes in its preset, or in BASE."""

from typing import Any

ALWAYS = 1000  # more epochs than any training here has

ONE_WINDOW = {"train.augment.first_crop": None}
BASE: dict[str, Any] = {"train.batch_size": 4, "train.decision": "likelihood", **ONE_WINDOW}
NO_COLOURS = {f"train.augment.{name}": 0.0 for name in ("brightness", "contrast", "saturation")}
NO_ZOOM = {"train.augment.scale_min": 1.0, "train.augment.scale_max": 1.0}
PLAIN = {"train.augment.flip": 0.0, **NO_ZOOM, **NO_COLOURS}
SIZE_384 = {
    "prepare.size": 384,
    "train.augment.crop": 256,
    "train.augment.scale_min": 0.5,
    "train.augment.scale_max": 1.25,
}
RANDOM = {"weights.source": "sources/none.yaml", "train.backbone_rate": 1.0}
QUICK = {
    "prepare.size": 384,
    "model.head_channels": 512,
    "train.validate_epochs": ALWAYS,  # at the end only
    "train.ema": 0.99,
    "train.augment.crop": 256,
    "train.augment.first_crop": 128,
}

# Params that differ, by dotted name.
RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "default, head_init normal": {"model.head_init": "normal"},
    "default, one window": ONE_WINDOW,
    "default, one window, no augmentation": {**ONE_WINDOW, **PLAIN},
    "base": {},
    "ancestor": {"model.width": 0.25},
    "size 256": {
        "prepare.size": 256,
        "train.augment.crop": None,
        "train.augment.scale_min": 0.75,
        "train.augment.scale_max": 1.5,
    },
    "crop 128": {"train.augment.crop": 128},
    "first_crop 128": {"train.augment.first_crop": 128},
    "no augmentation": PLAIN,
    "flip 0": {"train.augment.flip": 0.0},
    "colours 0": NO_COLOURS,
    "zoom 1": NO_ZOOM,
    "zoom 0.75 to 1.33": {"train.augment.scale_min": 0.75, "train.augment.scale_max": 1.3333},
    "normalization none": {"model.normalization": "none"},
    "head_init normal": {"model.head_init": "normal"},
    "head_channels 4096": {"model.head_channels": 4096},
    "dropout 0.5": {"model.dropout": 0.5},
    "upsampling learned": {"model.upsampling": "learned"},
    "skips features": {"model.skips": "features", "model.upsampling": "learned"},
    "learning_rate 0.0005": {"train.learning_rate": 0.0005},
    "learning_rate 0.005": {"train.learning_rate": 0.005},
    "decision iou": {"train.decision": "iou"},
    "batch_size 2": {"train.batch_size": 2},
    "batch_size 8": {"train.batch_size": 8},
    "batch_size 16 in 4 micro_batches": {"train.batch_size": 16, "train.micro_batches": 4},
    "class_weighting 0": {"train.class_weighting": 0.0},
    "class_weighting 1": {"train.class_weighting": 1.0},
    "logit_adjustment 0": {"train.logit_adjustment": 0.0},
    "ema 0": {"train.ema": 0.0},
    "backbone_rate 0.1": {"train.backbone_rate": 0.1},
    "deterministic": {"train.deterministic": True},
    "imagenet": {},
    "imagenet, random weights": RANDOM,
    "imagenet, backbone_rate 0.1": {"train.backbone_rate": 0.1},
    "imagenet, backbone_rate 1": {"train.backbone_rate": 1.0},
    "imagenet, freeze_epochs 2": {"train.freeze_epochs": 2},
    "imagenet, frozen": {"train.freeze_epochs": ALWAYS},
    "imagenet, learning_rate 0.0001": {"train.learning_rate": 0.0001},
    "imagenet, learning_rate 0.001": {"train.learning_rate": 0.001},
    "imagenet, weight_decay 0.1": {"train.weight_decay": 0.1},
    "imagenet, clip_norm 0": {"train.clip_norm": 0.0},
    "imagenet, one window": ONE_WINDOW,
    "imagenet, windows of 128": {
        **ONE_WINDOW,
        "train.augment.crop": 128,
        "train.augment.scale_min": 0.375,  # half the resolution, the same view
        "train.augment.scale_max": 0.75,
    },
    "imagenet, size 384": SIZE_384,
    "imagenet, size 384, averaged": {**SIZE_384, "train.ema": 0.995, "train.logit_adjustment": 0.5},
    "imagenet, stride 4": {"model.stride": 4},
    "imagenet, no augmentation": PLAIN,
    "imagenet, zoom 1 to 2": {"train.augment.scale_min": 1.0, "train.augment.scale_max": 2.0},
    "imagenet, batch_size 4": {"train.batch_size": 4},
    "imagenet, batch_size 8 in 4 micro_batches": {"train.batch_size": 8, "train.micro_batches": 4},
    "imagenet, input_std 1": {"model.input_std": 1.0},
    "imagenet, head_channels 512": {"model.head_channels": 512},
    "imagenet, head_channels 4096": {"model.head_channels": 4096},
    "imagenet, dropout 0.5": {"model.dropout": 0.5},
    "imagenet, upsampling learned": {"model.upsampling": "learned"},
    "imagenet, skips features": {"model.skips": "features", "model.upsampling": "learned"},
    "imagenet, class_weighting 0": {"train.class_weighting": 0.0},
    "imagenet, class_weighting 1": {"train.class_weighting": 1.0},
    "imagenet, logit_adjustment 0.5": {"train.logit_adjustment": 0.5},
    "imagenet, ema 0.995": {"train.ema": 0.995},
    "imagenet, decision likelihood": {"train.decision": "likelihood"},
    "imagenet, 32s 16s 8s": {},
    "imagenet512": {},
    "imagenet512, random weights": RANDOM,
    "imagenet512, windows of 384": {"train.augment.crop": 384},
    "imagenet512, size 384, head_channels 512": QUICK,
    "imagenet512, size 384, head_channels 512, random weights": {**QUICK, **RANDOM},
}
FROM_WEIGHTS = ("imagenet", "imagenet512")  # presets
PRESETS = {
    **{recipe: "scratch" for recipe in RECIPES if recipe.startswith("default")},
    **{recipe: name for recipe in RECIPES if (name := recipe.partition(",")[0]) in FROM_WEIGHTS},
    "ancestor": "fcn2017",
}
# What changes from part to part of a training.
STEPS: dict[str, list[dict[str, Any]]] = {
    "imagenet, 32s 16s 8s": [
        {"model.stride": 32},
        {"model.stride": 16, "train.learning_rate": 0.0001},
        {"model.stride": 8, "train.learning_rate": 0.0001},
    ]
}
SAME_WEIGHTS = {"deterministic"}  # on a CPU it costs time and changes nothing: timed, not trained
# Params whose value makes no difference to the time of an update; recipes that differ in these alone are timed once.
FREE = {"weights.source", "model.head_init", "model.input_std", "model.dropout"}
FREE |= {f"train.{name}" for name in ("learning_rate", "weight_decay", "backbone_rate", "clip_norm")}
FREE |= {f"train.{name}" for name in ("class_weighting", "logit_adjustment", "decision")}
FREE |= set(PLAIN)

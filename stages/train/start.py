"""Start of a training: random weights, ImageNet's classifier or its convolutions, or a model that was trained before.

Input: the path that train.start_from names: the weights stage's directory or a model file. Output: a function that
sets a new network's variables and returns their origin, for the card. Invariant: only layers that depend on the
classes, and fc6 and fc7 where ImageNet's are not there or not wanted, stay as they were initialised, and each is
logged; any other layer that does not fit raises InputError.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sceneparse.core.errors import InputError, shortened
from sceneparse.core.files import file_digest
from sceneparse.network.card import Checked, Origin, check_model
from sceneparse.network.imagenet_weights import Backbone, load_backbone
from sceneparse.params.model import Model

log = logging.getLogger(__name__)

BODY = ("conv", "fc")  # layers that depend on backbone and width alone; all others depend on the classes too
UNSEEN = ("input_std", "pooling", "head_input")  # params that change what the body computes, but no shape
Initialize = Callable[[Any], Origin]


def read_start(path: Path, params: Model, classes: Sequence[str]) -> tuple[Initialize | None, list[Path]]:
    """Return a function that sets the first weights of a keras.Model (None: they stay random), and the files it reads.

    Raises InputError for ImageNet weights of another network, and for a damaged or missing model.
    """
    if path.suffix == ".keras" or path.is_file():
        checked = check_model(path, None)
        return lambda model: take_over(model, path, checked, params, classes), [path]
    backbone = load_backbone(path)
    files = sorted(path.iterdir())
    if backbone is None:
        return None, files
    _check_fit(backbone, params, path)
    return lambda model: _origin(path, backbone.digest, model, transplant(model, backbone, params)), files


def _check_fit(backbone: Backbone, params: Model, path: Path) -> None:
    """Check ImageNet's weights against section model, which the stage that made them does not read."""
    if backbone.name != params.backbone:
        raise InputError(
            "the ImageNet weights are another network's",
            expected=params.backbone,
            got=backbone.name,
            file=path,
            next_step=f"set model.backbone to {backbone.name}, or weights.source to weights of {params.backbone} or to "
            "sources/none.yaml",
        )
    if misfit := params.misfit(backbone.top):
        raise InputError(
            "the ImageNet weights do not fit the network",
            expected="section model as ImageNet's VGG was trained",
            got=misfit,
            file=path,
            next_step="change section model so, or set weights.source to sources/none.yaml",
        )


def transplant(model: Any, backbone: Backbone, params: Model) -> list[str]:
    """Set the classifier's layers and return their names; raises ValueError if one does not fit.

    With head_init normal, and where the weights are the convolutions' alone, fc6 and fc7 keep their random weights.
    Where pixels are divided by input_std, so are the biases: then each layer's features are ImageNet's divided by it.
    """
    kinds = BODY if params.head_init == "he" and backbone.top else ("conv",)
    names = [layer.name for layer in model.layers if layer.name.startswith(kinds)]
    wanted = {
        f"{name}/{part}": variable
        for name in names
        for part, variable in zip(("kernel", "bias"), model.get_layer(name).weights, strict=True)
    }
    weights = backbone.weights
    wrong = [name for name in sorted(wanted) if name not in weights or tuple(wanted[name].shape) != weights[name].shape]
    if wrong:
        raise ValueError(f"weights do not fit the network at: {', '.join(wrong)}")
    for name, variable in wanted.items():
        variable.assign(weights[name] / params.input_std if name.endswith("/bias") else weights[name])
    return names


def take_over(model: Any, path: Path, checked: Checked, params: Model, classes: Sequence[str]) -> Origin:
    """Copy a trained model's layers by name; layers of other classes, or not in it, stay random. Raises InputError."""
    from sceneparse.network.opening import open_network

    card, digest = checked.card, file_digest(path)
    trained = open_network(path, checked)  # it refuses a file that came after the check
    theirs, ours = ({layer.name: layer.weights for layer in net.layers if layer.weights} for net in (trained, model))
    body = [name for name in sorted(theirs.keys() | ours.keys()) if name.startswith(BODY)]
    wrong = [name for name in body if _shapes(theirs, name) != _shapes(ours, name)]
    recorded, wanted = card.params.model, params.model_dump()
    unlike = [f"{key} {recorded[key]}" for key in UNSEEN if recorded.get(key, wanted[key]) != wanted[key]]
    if wrong or unlike:
        keys = ("width", "head_channels", "normalization", *UNSEEN)
        raise InputError(
            "the model to start from is another network",
            expected=f"{params.backbone} with " + ", ".join(f"{key} {wanted[key]}" for key in keys),
            got="; ".join(unlike + ([f"other shapes, or none, of {', '.join(wrong)}"] if wrong else [])),
            file=path,
            next_step=f"set section model as that model's was: {shortened(str(recorded), 1000)}",
        )
    same = card.classes == tuple(classes) and (card.params.model.get("other", "ignored") == params.other)
    if not same:
        log.info("%s has other classes: the score layers are initialised", path)
    copied = [name for name in ours if name in body or (same and _shapes(theirs, name) == _shapes(ours, name))]
    for name in copied:
        for variable, value in zip(ours[name], theirs[name], strict=True):
            variable.assign(value)
    return _origin(path, digest, model, copied)


def _origin(path: Path, digest: str | None, model: Any, copied: Sequence[str]) -> Origin:
    """Log and return which layers begin with weights from `path`, and which do not."""
    fresh = [layer.name for layer in model.layers if layer.weights and layer.name not in copied]
    log.info("first weights from %s: copied %s; initialised %s", path, ", ".join(copied), ", ".join(fresh) or "none")
    return Origin(digest=digest, copied=tuple(copied), initialised=tuple(fresh))


def _shapes(layers: dict[str, Any], name: str) -> list[tuple[int, ...]] | None:
    return [tuple(variable.shape) for variable in layers[name]] if name in layers else None

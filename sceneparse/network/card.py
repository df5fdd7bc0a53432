"""Card of a model: what its outputs mean and where it comes from. The schema, and the check before a model is used.

The train stage writes the card twice: into the model file (under KEY in Keras's own metadata.json, which Keras
does not read back), so that the file can be used alone; and beside it as JSON, with the model's digest. The
model file ends with a seal, the zip's comment: the digest of every byte before it. Invariant: `check_model`
returns a card only if the file is whole and both cards agree. The file is opened again later, when another may have
taken its place; `check_unchanged` tells that by the seal.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, JsonValue, ValidationError, model_validator

from sceneparse.core.documents import load_json
from sceneparse.core.errors import REPAIR, InputError, TransientError, did_you_mean, few, shortened
from sceneparse.core.fields import Digest, Natural, Positive, Probability, Section
from sceneparse.core.files import file_digest
from sceneparse.dataset.labels import MAX_CLASSES
from sceneparse.network.members import METADATA, MOST_BYTES, read_json

FORMAT: Literal[2] = 2  # raised when models trained before can no longer be read
KEY = "sceneparse"  # of the card in the model file's metadata
SEAL_BYTES = len("sha256:") + 64
GET_ONE = "fetch one: dvc pull models/fcn8s.keras models/fcn8s.json; or train one: sceneparse run, or dvc repro train"
GET_BOTH = f"get the model and its card again: {REPAIR}"

Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.")]
Length = Annotated[int, Field(ge=1, le=4096)]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]


class Preprocessing(Section):
    """Input of the network, and how the caller fits a picture to it."""

    dtype: Literal["uint8"]
    channels: Literal["RGB"]
    size: Length = Field(description="side of the training square, pixels")
    mode: Literal["squash", "crop", "letterbox"] = Field(description="how pictures were fitted into it")
    interpolation: Literal["bilinear", "nearest"] = Field(description="how they were resized")
    multiple_of: Length = Field(description="height and width of the network's input")
    inside: str = Field(description="what the network itself does first")


class Validation(Section):
    """Scores on the validation records."""

    mean_iou: Probability
    pixel_accuracy: Probability
    loss: float


class Best(Section):
    """Chosen epoch: the first with the highest validation mIoU."""

    epoch: Positive
    step: Natural
    validation: Validation


class Origin(Section):
    """First weights of a training that did not begin with random weights alone."""

    digest: Digest | None = Field(description="of the file that they come from: ImageNet's weights, or a trained model")
    copied: tuple[str, ...] = Field(description="layers that begin with its weights")
    initialised: tuple[str, ...] = Field(description="layers that begin random, at zero, or as interpolation")


class Libraries(Section):
    """Versions that trained the model."""

    tensorflow: Version
    keras: Version
    numpy: Version


class Recorded(Section):
    """Sections of params.yaml that the train stage read. Their keys may differ from those of this version."""

    model: dict[str, JsonValue]
    train: dict[str, JsonValue]


class Card(Section):
    """Card inside the model file."""

    format: Literal[2]
    classes: Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_CLASSES, description="1..N in order")]
    palette: tuple[Colour, ...] = Field(description="one colour per class; annotation value 0 is black")
    preprocessing: Preprocessing
    output: str = Field(description="what the network returns")
    best: Best
    params: Recorded
    origin: Origin | None = Field(default=None, description="null for random weights, and in older cards")
    data_digest: Digest = Field(description="of the training records' manifest, which holds every shard's")
    libraries: Libraries

    @model_validator(mode="after")
    def _a_colour_each(self) -> Self:
        if len(self.palette) != len(self.classes):
            raise ValueError(f"{len(self.classes)} classes, but {len(self.palette)} colours")
        return self

    def colours(self) -> npt.NDArray[np.uint8]:
        """RGB colours, uint8 [N + 1, 3], indexed by annotation value."""
        return np.frombuffer(bytes.fromhex("000000" + "".join(self.palette).replace("#", "")), np.uint8).reshape(-1, 3)

    def recoloured(self, colours: npt.NDArray[np.uint8]) -> Self:
        """Return the card with other colours, uint8 [N + 1, 3], indexed by annotation value."""
        return self.model_copy(update={"palette": hex_colours(colours)})


def hex_colours(colours: npt.NDArray[np.uint8]) -> tuple[Colour, ...]:
    """Return #rrggbb of the classes 1..N, from RGB colours uint8 [N + 1, 3] indexed by annotation value."""
    return tuple(f"#{colour.tobytes().hex()}" for colour in colours[1:])


class CardFile(Card):
    """Card beside the model file."""

    model_digest: Digest = Field(description="of the model file")


AnyCard = TypeVar("AnyCard", bound=Card)


class Checked(NamedTuple):
    """Card and seal of a model file that `check_model` has read."""

    card: Card
    seal: str


def check_model(model: Path, card: Path | None) -> Checked:
    """Return card and seal of a model file that is whole and that `card` describes; without `card`, the card inside.

    Raises InputError if there is no such model, if it is damaged, or if the two do not belong together.
    """
    if not model.is_file():
        near = (str(path) for folder in (model.parent, Path(), *Path().glob("*/")) for path in folder.glob("*.keras"))
        got = f"no file{did_you_mean(str(model), near)}"
        raise _refusal("there is no model", "a model that the train stage wrote", got, model, GET_ONE)
    first = read_seal(model)  # before the rest is read: a file that comes in between has another
    if card is None:
        _check_seal(model)
        return Checked(_inside(model), first)
    beside = _parsed(CardFile, _content(card), card)
    digest = file_digest(model)
    if digest != beside.model_digest:
        _check_seal(model)  # raises if the model has changed, not the card
        raise _refusal("the model is not the one that its card describes", beside.model_digest, digest, model)
    inside = _inside(model)
    if beside.model_dump(exclude={"model_digest"}) != inside.model_dump():
        different = ", ".join(key for key, value in inside if value != getattr(beside, key))
        raise _refusal("the card is not the one inside the model", "equal cards", f"other {different}", card)
    return Checked(inside, first)


def check_unchanged(model: Path, seal: str) -> None:
    """Raise TransientError if the model file no longer ends with this seal: another one has taken its place."""
    got = read_seal(model) if model.is_file() else "no file"
    if got != seal:
        raise TransientError(
            "the model was replaced while it was read",
            expected=f"the file that was checked, {seal}",
            got=got,
            file=model,
            next_step="run the command again",
        )


def seal(model: Path) -> str:
    """Return the digest of the file without its last SEAL_BYTES, where this digest belongs."""
    digest, left = hashlib.sha256(), model.stat().st_size - SEAL_BYTES
    with model.open("rb") as file:
        while left > 0 and (block := file.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
    return f"sha256:{digest.hexdigest()}"


def read_seal(model: Path) -> str:
    """Return the seal that a file ends with; other text if it has none."""
    with model.open("rb") as file:
        file.seek(-min(SEAL_BYTES, model.stat().st_size), os.SEEK_END)
        return file.read().decode(errors="replace")


def _check_seal(model: Path) -> None:
    expected, ending = seal(model), read_seal(model)
    if ending != expected:
        got = ending if ending.startswith("sha256:") else "no digest there: cut off, or not written by the train stage"
        raise _refusal("the model file is damaged", f"{expected} at its end", got, model)


def _inside(model: Path) -> Card:
    try:
        content = read_json(model, METADATA)[KEY]
    except (OSError, ValueError, KeyError, TypeError) as error:
        got = shortened(repr(error), 300)
        raise _refusal("the model has no card inside", f"{KEY} in its {METADATA}", got, model) from None
    return _parsed(Card, content, model)


def _content(card: Path) -> Any:
    try:
        return load_json(card, MOST_BYTES)
    except (OSError, ValueError) as error:
        got = shortened(repr(error), 300)
        raise _refusal("the model's card cannot be read", "the JSON that train writes", got, card) from None


def _parsed(kind: type[AnyCard], content: Any, file: Path) -> AnyCard:
    number = content.get("format") if isinstance(content, dict) else None
    if number != FORMAT:
        got = "none" if number is None else shortened(repr(number))
        raise _refusal("the card has a format that this version does not read", f"format {FORMAT}", got, file)
    try:
        return kind.model_validate_json(json.dumps(content))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc'])) or 'card'}: {item['msg']}" for item in error.errors()]
        raise _refusal("the card is not valid", "the fields of Card", "; ".join(few(problems)), file) from None


def _refusal(problem: str, expected: str, got: str, file: Path, next_step: str = GET_BOTH) -> InputError:
    return InputError(problem, expected=expected, got=got, file=file, next_step=next_step)

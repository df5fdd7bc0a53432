"""params.yaml, typed: every number of the pipeline, one section per stage.

Input: a YAML file with exactly these keys. Output: a `Params` tree. Unknown or missing keys,
wrong types and values out of range are refused by name, all of them at once, before anything
slow is imported. The file is read as YAML 1.2 like DVC does, so both see the same values.
"""

import math
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.errors import InputError
from stages.fields import (
    SOURCE_FILES,
    Count,
    Digest,
    Palette,
    Positive,
    Probability,
    Scale,
    Section,
    Seed,
    Side,
    WatchedPath,
    offenders,
)

NO_WEIGHTS = "none.yaml"  # name of the source file that stands for no pretrained weights


def _source(value: str) -> str:
    if value in ("demo", "none"):
        raise ValueError(f"no path: write sources/{value}.yaml (or, of a folder of that name, ./{value})")
    return value


Source = Annotated[WatchedPath, AfterValidator(_source)]


def source_text(path: Path) -> str:
    """Return a path as download.source takes it: what looks like something else begins with ./"""
    try:
        return TypeAdapter(Source).validate_python(str(path))
    except ValidationError:
        return f"./{path}"


class Demo(Section):
    """The scenes drawn when download.source is sources/demo.yaml."""

    training: Positive = Field(description="training scenes to draw")
    validation: Positive = Field(description="validation scenes to draw")
    seed: Seed = Field(description="of the scenes")


class Download(Section):
    """Where the dataset archive comes from."""

    source: Source = Field(description="path of a source file (.yaml, see sources/), a zip or a directory")
    digest: Digest | None = Field(description="of the archive, algorithm:hex, whatever its source; null = not compared")
    demo: Demo


class Weights(Section):
    """Where the ImageNet weights come from."""

    source: Source = Field(description="path of a source file (.yaml, see sources/) or a Keras VGG 'top' weights file")
    digest: Digest | None = Field(
        description="of a weights file on this machine, algorithm:hex, without which it is not read; null = none"
    )

    @model_validator(mode="after")
    def _one_digest(self) -> Self:
        if self.digest and self.source.endswith(SOURCE_FILES):
            raise ValueError(f"leave digest empty: {self.source} has the file's own")
        return self

    @property
    def pretrained(self) -> bool:
        """Whether there are any."""
        return Path(self.source).name != NO_WEIGHTS


class Prepare(Section):
    """How pairs become records."""

    size: Side = Field(description="side of the records, pixels")
    mode: Literal["squash", "crop", "letterbox"] = Field(description="how a picture is fitted into the square")
    interpolation: Literal["bilinear", "nearest"] = Field(description="of images; annotations are always nearest")
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] = Field(description="of the stored images")
    shard_images: Positive = Field(description="images per TFRecord shard")
    colours: Literal["dataset", "ade20k"] = Field(
        description="of the classes: dataset = those of its class table, generated where it has none; "
        "ade20k = the benchmark's own 150"
    )


class Model(Section):
    """The network."""

    backbone: Literal["vgg16", "vgg19"] = Field(description="the classifier the FCN is built on")
    width: Annotated[float, Field(gt=0, le=1)] = Field(description="multiplier on all channel counts; 1 as published")
    input_std: Annotated[float, Field(gt=0)] = Field(
        description="what pixels less their mean are divided by; 1 as published, 58 is about their spread"
    )
    pooling: Literal["max", "average"] = Field(description="of the backbone's blocks")
    normalization: Literal["none", "batch"] = Field(description="batch = of each convolution, before its ReLU")
    head_input: Literal["pool5", "conv5_3"] = Field(
        description="what fc6 sees; conv5_3 = max-pooled before its ReLU, without conv5_4"
    )
    head_init: Literal["he", "normal"] = Field(
        description="he = fc6 and fc7 from ImageNet where given, scores zero; normal = N(0, 0.02), truncated, for all"
    )
    head_channels: Annotated[int, Field(ge=1, le=4096)] = Field(
        description="of fc6 and fc7, times width; 4096 as published"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(description="after fc6 and fc7")
    skips: Literal["scores", "features"] = Field(
        description="what is upsampled and summed: scores of the classes, or features, onto the pools as they are"
    )
    upsampling: Literal["bilinear", "learned"] = Field(description="learned = by transposed convolutions")
    stride: Literal[8, 16, 32] = Field(description="of the finest skip: 8 = FCN-8s, 16 = FCN-16s, 32 = FCN-32s")
    other: Literal["ignored", "class"] = Field(
        description="annotation value 0, padding included, in training: no loss, or a class of its own"
    )

    @model_validator(mode="after")
    def _buildable(self) -> Self:
        if self.skips == "features" and (self.upsampling, self.stride) != ("learned", 8):
            raise ValueError(
                f"skips features needs upsampling learned and stride 8, not {self.upsampling} and {self.stride}"
            )
        return self

    def misfit(self) -> str | None:
        """Why ImageNet's weights do not fit this network; None where they do."""
        if not math.isclose(self.width, 1):
            return f"model.width {self.width} has no ImageNet weights: set model.width to 1.0"
        if (self.normalization, self.input_std) != ("none", 1):
            return (
                "ImageNet's VGG has no normalization and takes pixels as they are: set model.normalization to none "
                "and model.input_std to 1.0"
            )
        if self.head_init == "he" and self.head_channels != 4096:
            return f"ImageNet's classifier has 4096 channels, not {self.head_channels}: set model.head_channels to 4096"
        return None

    @property
    def ignores_other(self) -> bool:
        """Whether the network has no output for annotation value 0."""
        return self.other == "ignored"


class Augment(Section):
    """Random changes to training pairs; ranges of uniform draws unless said otherwise."""

    crop: Side | None = Field(description="side of the window that is seen, pixels; null = the records' size")
    first_crop: Side | None = Field(
        description="side of the window in the first third of the epochs, of pictures as much smaller; null = crop"
    )
    flip: Probability = Field(description="probability of a horizontal flip")
    scale_min: Scale = Field(description="smallest zoom of the records")
    scale_max: Scale = Field(description="largest zoom of the records")
    brightness: Probability = Field(description="gain drawn from 1 +- this")
    contrast: Probability = Field(description="gain about the picture's mean drawn from 1 +- this")
    saturation: Probability = Field(description="gain about the pixel's gray drawn from 1 +- this")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.scale_min > self.scale_max:
            raise ValueError(f"scale_min {self.scale_min} is above scale_max {self.scale_max}")
        return self


class Train(Section):
    """How the network is trained."""

    seed: Seed = Field(description="of initial weights, data order, augmentation and dropout")
    start_from: WatchedPath = Field(description="the weights stage's directory, or a trained model (.keras)")
    epochs: Positive = Field(description="passes over the training records")
    validate_epochs: Positive = Field(description="epochs between validations; the last is always validated")
    batch_size: Positive = Field(description="images per update, over all devices together")
    micro_batches: Positive = Field(description="parts that a batch is computed in: memory, not the result")
    optimizer: Literal["adamw", "sgd"] = Field(description="AdamW, or SGD with Nesterov-free momentum")
    learning_rate: Annotated[float, Field(gt=0, le=10)] = Field(description="peak, after warm-up")
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(description="SGD's momentum, AdamW's beta 1")
    weight_decay: Annotated[float, Field(ge=0, le=1)] = Field(description="decoupled, on kernels only")
    backbone_rate: Probability = Field(description="of conv1_1 ... conv5_4, as a share of the learning rate")
    freeze_epochs: Count = Field(description="first epochs in which only the head is trained")
    poly_power: Annotated[float, Field(ge=0, le=10)] = Field(description="of the poly schedule; 0 keeps the rate")
    warmup_steps: Count = Field(description="of linear warm-up")
    clip_norm: Annotated[float, Field(ge=0)] = Field(description="bound on the global gradient norm; 0 = off")
    class_weighting: Probability = Field(description="exponent on median-frequency weights; 0 = off, 1 = full")
    logit_adjustment: Probability = Field(
        description="share of the class weights that is taken off the scores again; 1 = all of it"
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(description="share of the target spread evenly")
    hard_pixels: Annotated[float, Field(gt=0, le=1)] = Field(
        description="share of each picture's labelled pixels that count, those with the highest losses"
    )
    ema: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="decay of the weights' moving average, which is validated and saved; 0 = off"
    )
    decision: Literal["likelihood", "iou"] = Field(
        description="likelihood = the class of the highest score; iou = constants, found on training pictures when "
        "training ends, are added to the scores first, for the mean IoU"
    )
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(description="Keras dtype policy")
    xla: bool = Field(description="compile the step with XLA")
    deterministic: bool = Field(description="only operations that give the same bits each time, for GPUs")
    debug: bool = Field(description="gradients, activations and weights as TensorBoard histograms, each epoch")
    augment: Augment


class Evaluate(Section):
    """How the trained model is scored."""

    batch_size: Positive = Field(description="images per forward pass at training size")
    scales: Annotated[list[Scale], Field(min_length=1)] = Field(
        description="sizes relative to training's at which a picture is seen; their probabilities are averaged"
    )
    flip: bool = Field(description="see it mirrored as well, at each scale")


class Visualize(Section):
    """What the report shows."""

    best: Count = Field(description="validation images with the highest mIoU")
    worst: Count = Field(description="validation images with the lowest mIoU")
    random: Count = Field(description="validation images drawn at random from the rest")
    seed: Seed = Field(description="of that draw")
    opacity: Probability = Field(description="of the colours laid over the image, at first")
    palette: Palette = Field(
        description="standard = the model's; colour_blind = also told apart without seeing red and green"
    )
    confused: Count = Field(description="classes in the heat map of confusions, those confused most")


class Params(Section):
    """The whole of params.yaml."""

    download: Download
    weights: Weights
    prepare: Prepare
    model: Model
    train: Train
    evaluate: Evaluate
    visualize: Visualize

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        if self.weights.pretrained and (misfit := self.model.misfit()):
            raise ValueError(f"{misfit}, or weights.source to sources/{NO_WEIGHTS}")
        augment = self.train.augment
        crop = augment.crop or self.prepare.size
        if augment.first_crop and augment.first_crop > crop:
            raise ValueError(
                f"train.augment.first_crop {augment.first_crop} is above the last epochs' window, {crop} pixels"
            )
        return self


def load_params(path: Path) -> Params:
    """Read and validate a params file; raises InputError that names every bad key."""
    try:
        content = YAML(typ="safe", pure=True).load(path)
    except FileNotFoundError:
        raise _refusal(path, "the params file is missing", "a YAML file", "no file") from None
    except YAMLError as error:
        raise _refusal(path, "the params file is not YAML", "YAML 1.2", str(error)) from None
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise _refusal(
            path, "the params are not valid", "the keys, types and ranges of stages/params.py", offenders(error)
        ) from None


def _refusal(path: Path, problem: str, expected: str, got: str) -> InputError:
    step = "mend the keys named; presets/ holds complete files to start from"
    return InputError(problem, expected=expected, got=got, file=path, next_step=step)

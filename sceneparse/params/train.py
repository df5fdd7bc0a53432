"""Section train of params.yaml: training and its augmentation."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sceneparse.core.fields import Batch, Count, Positive, Probability, Scale, Section, Seed, Side, WatchedPath


class Augment(Section):
    """Random changes to training pairs."""

    crop: Side | None = Field(
        default=None, description="side of the training window, pixels; empty = the records' size"
    )
    first_crop: Side | None = Field(
        default=None,
        description="window of the first third of the epochs, at proportionally lower resolution; empty = crop",
    )
    flip: Probability = Field(default=0.5, description="probability of a horizontal flip")
    scale_min: Scale = Field(default=1.0, description="smallest zoom of the records; zooms are drawn log-uniformly")
    scale_max: Scale = Field(default=2.0, description="largest zoom of the records")
    brightness: Probability = Field(default=0.2, description="brightness gain, drawn from 1 +- this")
    contrast: Probability = Field(default=0.2, description="contrast gain, drawn from 1 +- this")
    saturation: Probability = Field(default=0.2, description="saturation gain, drawn from 1 +- this")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.scale_min > self.scale_max:
            raise ValueError(f"scale_min {self.scale_min} is above scale_max {self.scale_max}")
        return self


class Train(Section):
    """How the network is trained."""

    seed: Seed = Field(default=0, description="random seed of initial weights, data order, augmentation and dropout")
    start_from: WatchedPath = Field(
        default="data/raw/backbone",
        description="initial weights: what stage weights wrote, or a trained model (.keras)",
    )
    epochs: Positive = Field(default=12, description="passes over the training records")
    validate_epochs: Positive = Field(
        default=1, description="epochs between validations; the last epoch always has one"
    )
    batch_size: Batch = Field(default=4, description="images per update, over all devices together")
    micro_batches: Batch = Field(
        default=1, description="parts that a batch is computed in: less memory, the same update"
    )
    optimizer: Literal["adamw", "sgd"] = Field(default="adamw", description="adamw or sgd (plain momentum)")
    learning_rate: Annotated[float, Field(gt=0, le=10)] = Field(
        default=0.002, description="peak learning rate, after warm-up"
    )
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.9, description="momentum of sgd, beta 1 of adamw")
    weight_decay: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0001, description="decoupled weight decay, kernels only"
    )
    backbone_rate: Probability = Field(
        default=1.0, description="learning rate of the backbone's convolutions, as a share of learning_rate"
    )
    freeze_epochs: Count = Field(default=0, description="first epochs, which train the head only")
    poly_power: Annotated[float, Field(ge=0, le=10)] = Field(
        default=0.9, description="learning rate x (1 - progress)^poly_power; 0 = constant"
    )
    warmup_steps: Count = Field(default=50, description="updates of linear warm-up")
    clip_norm: Annotated[float, Field(ge=0, le=1_000_000)] = Field(
        default=1.0, description="bound on the global gradient norm; 0 = off"
    )
    class_weighting: Probability = Field(
        default=0.25, description="exponent of median-frequency class weights: 0 = off, 1 = full"
    )
    logit_adjustment: Probability = Field(
        default=0.0, description="how much of the class weighting to undo in the logits: 0 = none, 1 = all"
    )
    ema: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="decay of the weights' moving average, which is validated and saved; 0 = off"
    )
    decision: Literal["likelihood", "iou"] = Field(
        default="likelihood",
        description="likelihood = highest score, iou = add constants that maximize training mIoU first",
    )
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(
        default="float32",
        description="float32, mixed_bfloat16 (Ampere and later, CPUs with avx512_bf16), mixed_float16",
    )
    xla: bool = Field(default=False, description="compile the step with XLA; no speed-up on CPU")
    deterministic: bool = Field(
        default=False, description="same bits on every run on GPUs, slower; CPUs give them anyway"
    )
    debug: bool = Field(default=False, description="gradients, activations and weights as TensorBoard histograms")
    augment: Augment = Augment()

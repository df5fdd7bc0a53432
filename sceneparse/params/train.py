"""Section train of params.yaml: training and its augmentation."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sceneparse.core.fields import Count, Positive, Probability, Scale, Section, Seed, Side, WatchedPath


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

import pytest
from train_process import make_inputs


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A directory with params.yaml, records and an empty backbone."""
    from stages.download.demo import write_demo

    directory = tmp_path_factory.mktemp("inputs")
    write_demo(directory / "dataset.zip", training=14, validation=4, seed=0)
    changes = {"epochs": 4, "batch_size": 2, "warmup_steps": 2, "decision": "iou"}
    changes |= {"augment.first_crop": 32}  # and 64 in the end
    train = {f"train.{name}": value for name, value in changes.items()}
    return make_inputs(directory, {"prepare.size": 64, "model.width": 1 / 64, **train})

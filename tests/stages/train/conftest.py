import pytest
from ruamel.yaml import YAML

from sceneparse.params.whole import Params, load_params


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A directory with params.yaml, records and an empty backbone."""
    from stages.download.demo import write_demo
    from stages.prepare.stage import prepare
    from stages.weights.stage import weights

    directory = tmp_path_factory.mktemp("inputs")
    yaml = YAML()
    params = Params().model_dump()
    params["prepare"]["size"] = 64
    params["model"]["width"] = 1 / 64
    params["train"] |= {"epochs": 4, "batch_size": 2, "warmup_steps": 2, "decision": "iou"}
    params["train"]["augment"]["first_crop"] = 32  # and 64 in the end
    params["train"]["start_from"] = str(directory / "backbone")
    yaml.dump(params, directory / "params.yaml")
    write_demo(directory / "dataset.zip", training=14, validation=4, seed=0)
    loaded = load_params(directory / "params.yaml")
    prepare(loaded, directory / "dataset.zip", directory / "records")
    weights(loaded, directory / "cache", directory / "backbone")
    return directory

"""The train stage in a process of its own, to be stopped and killed."""

import json
import os
import subprocess
import sys

import numpy as np
from daemons import PATIENCE


def start(inputs, out):
    """Train on `inputs` (params.yaml, which names its backbone, and records) into `out`; returns the process."""
    paths = {
        "params": inputs / "params.yaml",
        "records": inputs / "records",
        "model": out / "model.keras",
        "card": out / "model.json",
        "curves": out / "curves",
        "state": out / "state",
    }
    flags = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
    command = [sys.executable, "-m", "stages.train", *flags]
    # A user's environment, where TensorFlow has nothing to say less.
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def finish(process, expect=0):
    """Return the output of the process, once it has ended by itself."""
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == expect, output
    return output


def outputs(out):
    """The bytes of every file that the stage is there for; its state is its own."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and not path.is_relative_to(out / "state")
    }


def run_here(inputs, tmp_path, *, start_from=None, model=None, **changes):
    """Train in this process, with params of train changed and, by `model`, of model; Keras loads only here."""
    from sceneparse.params.whole import load_params
    from stages.train.stage import train

    params = load_params(inputs / "params.yaml")
    changes |= {"start_from": str(start_from)} if start_from else {}
    sections = {"train": params.train.model_copy(update=changes), "model": params.model.model_copy(update=model or {})}
    params = params.model_copy(update=sections)
    out = [tmp_path / name for name in ("model.keras", "model.json", "curves", "state")]
    train(params, inputs / "records", *out)


def make_inputs(directory, changes):
    """Write params.yaml with `changes` by dotted names, the records of dataset.zip and an empty backbone."""
    from ruamel.yaml import YAML

    from sceneparse.core.fields import set_leaf
    from sceneparse.params.whole import Params, load_params
    from stages.prepare.stage import prepare
    from stages.weights.stage import weights

    content = Params().model_dump()
    for name, value in {"train.start_from": str(directory / "backbone"), **changes}.items():
        set_leaf(content, name, value)
    YAML().dump(content, directory / "params.yaml")
    params = load_params(directory / "params.yaml")
    prepare(params, directory / "dataset.zip", directory / "records")
    weights(params, directory / "cache", directory / "backbone")
    return directory


def write_backbone(directory, name):
    """Write a backbone called `name` that has no weights, and return it."""
    directory.mkdir()
    (directory / "backbone.json").write_text(json.dumps({"source": "file", "backbone": name, "digest": None}))
    np.savez(directory / "backbone.npz")
    return directory

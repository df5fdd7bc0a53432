"""Params beside those that dvc.lock has."""

import pytest

from pipeline.repro.changed_params import changed_params
from sceneparse.core.errors import InputError

LOCK = """
schema: '2.0'
stages:
  prepare:
    cmd: python prepare.py
    params:
      params.yaml:
        prepare: {size: 256, shards: [1, 2]}
        prepare.size: 256
  train:
    cmd: python train.py
    params:
      params.yaml:
        train: {epochs: 12, rate: {first: 0.1}}
  report:
    cmd: python report.py
"""


def write(tmp_path, params, lock=LOCK):
    (tmp_path / "dvc.yaml").write_text("stages: {}")
    (tmp_path / "params.yaml").write_text(params)
    (tmp_path / "dvc.lock").write_text(lock)


@pytest.mark.parametrize(
    ("params", "changed"),
    [
        ("{prepare: {size: 256, shards: [1, 2]}, train: {epochs: 12, rate: {first: 0.1}}, other: 1}", []),
        ("{prepare: {size: 128, shards: [1, 3]}, train: {epochs: 12, rate: {first: 0.1}}}", ["shards", "size"]),
        ("{prepare: {size: 256, shards: [1, 2]}, train: {epochs: 12, rate: {last: 0.1}}}", ["rate.first", "rate.last"]),
        ("{prepare: {size: 256, shards: [1, 2]}}", ["epochs", "rate.first"]),
    ],
)
def test_each_value_that_differs_is_named_once(tmp_path, params, changed):
    write(tmp_path, params)
    names = changed_params(tmp_path)
    assert [name.partition(".")[2] for name in names if name != "train"] == changed


def test_before_the_first_run_nothing_has_changed(tmp_path):
    assert changed_params(tmp_path) == []
    write(tmp_path, "train: {epochs: 1}", "schema: '2.0'")
    assert changed_params(tmp_path) == []


@pytest.mark.parametrize("last", ["stages:", "prepare:", "params.yaml:", "shards: [1"])
def test_a_torn_record_is_named(tmp_path, last):
    write(tmp_path, "train: {epochs: 1}", LOCK.partition(last)[0] + last)
    with pytest.raises(InputError, match=r"dvc\.lock"):
        changed_params(tmp_path)

"""Checkpoints: bit-exact, two kept, a damaged one stepped over, other inputs' state never touched."""

import logging
from importlib.metadata import version

import keras
import numpy as np
import pytest

from sceneparse.params.whole import load_params
from stages.train import checkpoint
from stages.train.checkpoint import Checkpoints, fingerprint


class Run:
    """A model, an optimizer and their checkpoints."""

    def __init__(self, state, key="a" * 16):
        self.model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dropout(0.5, seed=1)])
        self.optimizer = keras.optimizers.AdamW(0.1)
        self.optimizer.build(self.model.trainable_variables)
        self.checkpoints = Checkpoints(state, key, self.model, self.optimizer.variables)

    def update(self):
        self.model(np.ones((2, 4), np.float32), training=True)  # moves the dropout's seed too
        self.optimizer.apply([np.ones(v.shape, np.float32) for v in self.model.trainable_variables])

    def values(self):
        return [np.asarray(v).copy() for v in (*self.model.variables, *self.optimizer.variables)]


def equal(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_everything_comes_back_bit_for_bit(tmp_path):
    run = Run(tmp_path)
    for _ in range(3):
        run.update()
    run.checkpoints.save(3, None, {"loss_sum": 0.1, "history": [{"step": 3}]})
    other = Run(tmp_path)
    assert not equal(run.values(), other.values())
    step, note = other.checkpoints.restore()
    assert (step, note["loss_sum"], note["history"]) == (3, 0.1, [{"step": 3}])
    assert equal(run.values(), other.values())
    run.update()
    other.update()
    assert equal(run.values(), other.values())


def test_two_steps_and_their_best_are_kept(tmp_path):
    run = Run(tmp_path)
    for step, best in [(1, 1), (2, 2), (3, 2), (4, 4), (5, 4)]:
        if step == best:
            run.checkpoints.save_best(step)
        run.checkpoints.save(step, best, {})
    names = {path.name for path in run.checkpoints.directory.iterdir()}
    assert names == {
        f"{name}.npz"
        for name in ("step-000000004", "step-000000005", "best-000000001", "best-000000002", "best-000000004")
    }
    run.checkpoints.save_best(6)
    run.checkpoints.save(6, 6, {})
    assert not (run.checkpoints.directory / "best-000000001.npz").exists()


def test_the_best_weights_come_back(tmp_path):
    run = Run(tmp_path)
    run.update()
    best = run.model.get_weights()
    run.checkpoints.save_best(1)
    run.update()
    run.checkpoints.load_best(1)
    assert equal(best, run.model.get_weights())


@pytest.mark.parametrize("kind", ["step", "best"])
@pytest.mark.parametrize("damage", ["empty", "cut", "flipped"])
def test_a_damaged_newest_is_stepped_over_aloud(tmp_path, damage, kind, caplog):
    """A step is damaged, too, if the best weights that it names are."""
    run = Run(tmp_path)
    for step in (1, 2):
        kept = run.values()
        run.update()
        run.checkpoints.save_best(step)
        run.checkpoints.save(step, step, {})
    newest = run.checkpoints.directory / f"{kind}-000000002.npz"
    content = bytearray(newest.read_bytes())
    if damage == "flipped":
        content[content.index(np.float32(run.values()[0].ravel()[0]).tobytes())] ^= 1
    newest.write_bytes(content[: {"empty": 0, "cut": len(content) // 2}.get(damage, len(content))])
    other = Run(tmp_path)
    with caplog.at_level(logging.WARNING):
        step, _ = other.checkpoints.restore()
    assert step == 1
    assert equal(kept, other.values())
    assert "step-000000002.npz is damaged" in caplog.text
    (run.checkpoints.directory / "step-000000001.npz").write_bytes(b"")
    assert Run(tmp_path).checkpoints.restore() is None
    assert "step-000000001.npz is damaged" in caplog.text


def test_other_inputs_state_is_left_aside_aloud(tmp_path, caplog):
    run = Run(tmp_path, "a" * 16)
    run.checkpoints.save(1, None, {})
    with caplog.at_level(logging.INFO):
        other = Run(tmp_path, "b" * 16)
    assert other.checkpoints.restore() is None
    assert "a" * 16 in caplog.text
    other.checkpoints.save_best(2)
    other.checkpoints.complete(2, 2, {})
    assert Run(tmp_path, "a" * 16).checkpoints.restore()[0] == 1


def test_a_complete_training_keeps_its_best_weights_until_the_next_is_complete(tmp_path, caplog):
    run = Run(tmp_path, "a" * 16)
    for step in (1, 2):
        run.update()
        run.checkpoints.save_best(step)
        run.checkpoints.save(step, 1, {})
    best = [np.asarray(variable) for variable in run.model.variables]
    run.checkpoints.save_best(3)
    run.checkpoints.complete(4, 3, {"history": [7]})
    assert {path.name for path in run.checkpoints.directory.iterdir()} == {
        "best-000000003.npz",
        "complete-000000004.npz",
    }

    again = Run(tmp_path, "a" * 16)
    assert again.checkpoints.restore() == (4, {"history": [7], "best_step": 3})
    again.checkpoints.load_best(3)
    assert equal(best, again.model.variables)

    with caplog.at_level(logging.INFO):
        other = Run(tmp_path, "b" * 16)
    assert "unfinished" not in caplog.text
    assert run.checkpoints.directory.exists()
    other.checkpoints.save_best(1)
    other.checkpoints.complete(1, 1, {})
    assert not run.checkpoints.directory.exists()


def test_a_complete_training_whose_weights_are_damaged_starts_over(tmp_path, caplog):
    run = Run(tmp_path)
    run.checkpoints.save_best(3)
    run.checkpoints.complete(4, 3, {})
    (run.checkpoints.directory / "best-000000003.npz").write_bytes(b"")
    assert Run(tmp_path).checkpoints.restore() is None
    assert "complete-000000004.npz is damaged" in caplog.text


def test_every_input_is_in_the_fingerprint(tmp_path, root):
    params = load_params(root / "params.yaml")
    file = tmp_path / "manifest.json"
    file.write_text("{}")
    keys = {fingerprint([params.model, params.train], [file])}
    assert keys == {fingerprint([params.model, params.train], [file])}
    keys.add(fingerprint([params.model, params.train.model_copy(update={"seed": 1})], [file]))
    keys.add(fingerprint([params.model.model_copy(update={"width": 0.5}), params.train], [file]))
    file.write_text("{ }")
    keys.add(fingerprint([params.model, params.train], [file]))
    assert len(keys) == 4


def test_other_code_and_other_libraries_are_in_the_fingerprint(monkeypatch):
    """Training starts over: a resumed one would mix two programs."""
    keys = {fingerprint([], [])}
    for changed in ("tensorflow", "keras", "numpy"):
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint, "version", lambda name, changed=changed: version(name) + "+1" * (name == changed))
            keys.add(fingerprint([], []))
    digest = checkpoint.code_digest
    monkeypatch.setattr(checkpoint, "code_digest", lambda stage: digest(stage) + b" " * (stage == "train"))
    keys.add(fingerprint([], []))
    assert len(keys) == 5


def test_a_damaged_older_step_does_not_stop_a_save(tmp_path):
    run = Run(tmp_path)
    run.checkpoints.save(1, None, {})
    (run.checkpoints.directory / "step-000000001.npz").write_bytes(b"")
    run.checkpoints.save(2, None, {})
    assert Run(tmp_path).checkpoints.restore()[0] == 2


def test_all_damaged_is_a_fresh_start(tmp_path, caplog):
    run = Run(tmp_path)
    run.checkpoints.save(1, None, {})
    (run.checkpoints.directory / "step-000000001.npz").write_bytes(b"")
    fresh = Run(tmp_path)
    before = fresh.values()
    assert fresh.checkpoints.restore() is None
    assert equal(before, fresh.values())


def test_a_checkpoint_that_cannot_be_opened_is_kept(tmp_path):
    """Too many open files, or no permission, says nothing about its bytes."""
    run = Run(tmp_path)
    run.checkpoints.save(1, None, {})
    run.checkpoints.save(2, None, {})
    newest = run.checkpoints.directory / "step-000000002.npz"
    newest.unlink()
    newest.symlink_to(newest.name)  # nobody can open a link to itself, root included
    with pytest.raises(OSError, match="symbolic links"):
        Run(tmp_path).checkpoints.restore()
    assert newest.is_symlink()

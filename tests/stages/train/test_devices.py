"""Order and devices: the same arithmetic on two devices as on one, and operations in a fixed order if asked for."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


DETERMINISTIC = """
import sys
sys.path.insert(0, "tests/support")
import tensorflow as tf
from pathlib import Path
from sceneparse.params.whole import Params
from trainers import make_trainer, scenes
params = Params()
trainer = make_trainer(params, deterministic=True)
losses = [float(trainer.step(scenes()).loss) for _ in range(3)]
assert losses[-1] < losses[0]
try:
    tf.random.uniform([1])
except RuntimeError as error:
    assert "determinism" in str(error)
else:
    raise AssertionError("a random operation without a seed passes")
"""


@pytest.mark.exhaustive
def test_determinism_is_switched_on_for_all_operations(root):
    done = subprocess.run([sys.executable, "-c", DETERMINISTIC], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


TWO_DEVICES = """
import sys
sys.path.insert(0, "tests/support")
import numpy as np, tensorflow as tf
from pathlib import Path
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0],
                                           [tf.config.LogicalDeviceConfiguration()] * 2)
from sceneparse.core.errors import InputError
from stages.train import cpu
from stages.train.training import Trainer
from stages.train.training_view import FusedNormalization
from sceneparse.params.whole import Params
from trainers import scenes
cpu.LEAST = 5000  # the large kernels' updates and averages are compiled
params = Params()
model = params.model.model_copy(update={"width": 1 / 32, "dropout": 0.5, "normalization": sys.argv[1]})
changes = {"warmup_steps": 0, "optimizer": "sgd", "learning_rate": 0.05, "clip_norm": 0.05, "ema": 0.5}
if sys.argv[1] == "none":
    changes["micro_batches"] = 2
train = params.train.model_copy(update=changes)
images, labels = scenes()
labels = tf.tensor_scatter_nd_update(labels, [[0], [1]], tf.fill([2, 32, 32], tf.constant(255, tf.uint8)))
updates = 5 if sys.argv[1] == "none" else 3
ends = []
for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    trainer = Trainer(model, train, [1.0, 2.0, 3.0], 32, 10, strategy=strategy)
    batch = tf.data.Dataset.from_tensor_slices((images, labels))
    def batches(part, count):
        return batch.repeat(count).batch(part.get_per_replica_batch_size(4), drop_remainder=True)
    losses = [float(trainer.step(batch).loss) for batch in trainer.distribute(lambda part: batches(part, updates))]
    confusion, loss = trainer.validate(trainer.distribute(lambda part: batches(part, 1)))
    np.testing.assert_allclose(trainer.learning_rate(), 0.05 * (1 - (len(losses) - 1) / 10) ** 0.9, rtol=1e-6)
    with trainer.averages.swapped():
        averaged = trainer.model.get_weights()
    ends.append((losses, loss, confusion, [*trainer.model.get_weights(), *averaged]))
(one, loss_one, confusion_one, weights_one), (two, loss_two, confusion_two, weights_two) = ends
assert one[-1] < one[0]
# The statistics of few and small pictures amplify the last bits.
rough = 1 if sys.argv[1] == "none" else 20
np.testing.assert_allclose(one, two, rtol=1e-4 * rough)
np.testing.assert_allclose(loss_one, loss_two, rtol=1e-4 * rough)
np.testing.assert_array_equal(confusion_one.sum(), confusion_two.sum())
for a, b in zip(weights_one, weights_two, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-3 * rough, atol=1e-5 * rough**2)
try:
    Trainer(model, train.model_copy(update={"batch_size": 5, "micro_batches": 1}), [1.0], 32, 10, strategy=strategy)
except InputError as error:
    assert "a multiple of 2" in str(error) and "train.batch_size 5" in str(error), error
else:
    raise AssertionError("five pictures on two devices")
if sys.argv[1] == "batch":
    try:
        Trainer(model, train.model_copy(update={"xla": True}), [1.0], 32, 10, strategy=strategy)
    except InputError as error:
        assert "normalization batch and train.xla true on 2 devices" in str(error), error
    else:
        raise AssertionError("XLA compiles normalization across devices")
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_two_devices_do_what_one_does(root, normalization):
    """The labelled pixels are all on the second device: only a global mean and a global clip give equal weights.

    So does only dropout that is drawn for the whole batch, and normalization over all of it.
    """
    command = [sys.executable, "-c", TWO_DEVICES, normalization]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]

"""Opening of a trained network: checked before Keras parses the file, and against its card afterwards.

Input: a model file, with its card and seal as `check_model` returns them. Output: the keras.Model. Invariant: an open
network is that of the file which was checked, takes RGB pictures of any size, has the outputs that its card names, and
all its weights are finite.
"""

import logging
from pathlib import Path
from typing import Any

import keras
import numpy as np

from sceneparse.core.errors import InputError, few, shortened
from sceneparse.dataset.labels import count_outputs
from sceneparse.network.card import GET_BOTH, Card, Checked, check_unchanged
from sceneparse.network.hdf5 import check_plain
from sceneparse.network.members import CONFIG, read_json, weights_file

log = logging.getLogger(__name__)


def open_network(model: Path, checked: Checked) -> Any:
    """Return the keras.Model in a file that `check_model` has read. Raises InputError."""
    card, saved = checked.card, checked.card.libraries.keras
    if _minor(keras.__version__) < _minor(saved):
        log.warning("%s was saved by Keras %s; this is an older one, %s", model, saved, keras.__version__)
    try:
        read_json(model, CONFIG)
        with weights_file(model) as (file, size):
            check_plain(file, size)
    except (OSError, ValueError) as error:
        raise _refusal(model, "the members that the train stage writes", str(error)) from None
    try:
        network = keras.saving.load_model(model, compile=False, safe_mode=True)
    except Exception as error:  # whatever it raises, the file made it do so
        raise InputError(
            "Keras cannot load the model",
            expected=f"a model in the format of Keras {keras.__version__} or an earlier one",
            got=f"one saved by Keras {saved}: {shortened(str(error), 2000)}",
            file=model,
            next_step="install the versions in constraints.txt: pip install -c constraints.txt -e .",
        ) from error
    check_unchanged(model, checked.seal)
    _check_fit(network, card, model)
    if broken := [variable.path for variable in network.variables if not _is_finite(variable)]:
        raise _refusal(model, "finite weights", f"NaN or infinity in {', '.join(few(broken))}")
    return network


def _check_fit(network: Any, card: Card, model: Path) -> None:
    """Raise InputError if the network's input or outputs are not those that the card describes."""
    outputs = count_outputs(len(card.classes), card.params.model.get("other", "ignored") == "ignored")
    expected = (None, None, None, 3), (None, None, None, outputs)
    got = tuple(getattr(network, name, None) for name in ("input_shape", "output_shape"))
    if got != expected:
        names = f"input and output {expected[0]} and {expected[1]}, for {len(card.classes)} classes"
        raise _refusal(model, names, shortened(f"{got[0]} and {got[1]}", 300))


def _is_finite(variable: Any) -> bool:
    values = np.asarray(variable)
    with np.errstate(all="ignore"):
        return bool(np.isfinite(values.sum()) or np.isfinite(values).all())  # the sum is faster, but may overflow


def _refusal(model: Path, expected: str, got: str) -> InputError:
    problem = "the model is not what its card describes"
    return InputError(problem, expected=expected, got=got, file=model, next_step=GET_BOTH)


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".")[:2])

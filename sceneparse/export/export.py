"""export: a trained model -> the same model for another runtime, checked against it, and its description.

Input: a .keras file with its card, and real pictures. Output, in a folder: NAME_savedmodel/, NAME.onnx or
NAME.tflite, with a JSON file beside it. Invariant: an export gets its name only after its own runtime ran it and agreed
with the Keras model; any other leaves no trace, and an earlier export stays. What a killed export leaves, the next one
removes.
"""

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sceneparse.core.errors import InputError
from sceneparse.core.files import atomic_directory, file_digest, write_json
from sceneparse.core.locks import output_lock
from sceneparse.core.tables import print_line, print_table
from sceneparse.core.tensorflow_loading import held_output
from sceneparse.export.agreement import compare, fitted, read_pictures
from sceneparse.export.exporters import FORMATS
from sceneparse.inference.loading import load_parser
from sceneparse.network.card import Card

# Least share of pixels with the same class. Without quantization only rounding differs; with it, pixels whose two best
# classes nearly tie may change.
AGREEMENT = {"none": 0.999, "float16": 0.99, "int8": 0.95}


def export(
    format: str,
    model: Path,
    card: Path | None,
    out: Path,
    quantize: str,
    size: tuple[int, int] | None,
    pictures: Path | None,
    count: int,
    force: bool,
) -> None:
    """Export, check, and print agreement, sizes and times. `size` is (height, width); None leaves it open."""
    target = out / (model.stem + (f"_{quantize}" if quantize != "none" else "") + FORMATS[format].suffix)
    beside = target.with_name(f"{target.name}.json")
    _check_flags(format, quantize)
    if not force and (taken := next((path for path in (target, beside) if path.exists()), None)):
        step = "add --force to replace it, or name another folder with --out"
        raise InputError("export already exists", expected="a free name", got="an export", file=taken, next_step=step)

    examples = read_pictures(pictures, count)
    with _scratch(target, beside) as scratch:
        parser = load_parser(model, card)
        from sceneparse.export.labelling_network import exportable, in_float32

        preprocessing, classes = parser.card.preprocessing, len(parser.classes)
        if size is None and not FORMATS[format].any_size:
            size = preprocessing.size, preprocessing.size
        views = [fitted(picture, preprocessing, size) for picture in examples]
        network = in_float32(parser.model.network)
        batch = None if FORMATS[format].any_size else 1
        shape = [batch or "batch", *(size or ("height", "width"))]
        description = describe(parser.card, parser.seal, format, quantize, shape, network.output.shape[-1])

        exported = scratch.resolve() / target.name
        labelling = exportable(network, classes, size or (None, None), batch)
        with held_output():
            FORMATS[format].write(labelling, exported, description, quantize, views)
        comparison = compare(network, classes, format, exported, views)
        least = AGREEMENT[quantize]
        print_table(
            ["model", "megabytes", "milliseconds"],
            [
                ("Keras", _megabytes(model), 1000 * comparison.keras_seconds),
                (format, _megabytes(exported), 1000 * comparison.seconds),
            ],
        )
        print(f"\nsame class: {comparison.agreement:.4%} of the pixels of {len(views)} pictures; {least:.1%} needed")
        if comparison.agreement < least:
            raise _disagrees(exported, comparison.agreement, least, quantize)
        digest = file_digest(exported) if exported.is_file() else None
        beside.unlink(missing_ok=True)  # a kill from here on leaves no description rather than a wrong one
        _take_place(exported, target)
        check = {"pictures": len(views), "agreement": comparison.agreement}
        write_json(beside, {**description, "check": check, "digest": digest})
    print_line(f"exported: {target}")
    print_line(f"described: {beside}")


def describe(
    card: Card, model_seal: str, format: str, quantize: str, shape: list[Any], channels: int
) -> dict[str, Any]:
    """Return inputs and outputs of the exported model, its card and its model's seal, as JSON values.

    `shape` is [B, H, W].
    """
    return {
        "model": model_seal,
        "format": format,
        "quantize": quantize,
        "input": {"name": "image", "dtype": "uint8", "shape": [*shape, 3], "channels": "RGB"},
        "outputs": {
            "annotation": {
                "dtype": "uint8",
                "shape": shape,
                "meaning": "1..N = the card's classes in order, 0 = other",
            },
            "logits": {"dtype": "float32", "shape": [*shape, channels], "meaning": card.output},
        },
        "inside": "padding to multiples of 32 and its removal, the mean's subtraction, the best class of each pixel",
        "outside": "resizing to the scale of the card's preprocessing, and turning a photo upright",
        "card": card.model_dump(mode="json"),
    }


def _check_flags(format: str, quantize: str) -> None:
    missing = [name for name in FORMATS[format].packages if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"packages for {format} are missing",
            expected=", ".join(FORMATS[format].packages),
            got=f"no {', no '.join(missing)}",
            file="the Python environment",
            next_step="install the extra: pip install -c constraints.txt -e '.[export]'",
        )
    if quantize != "none" and format != "tflite":
        raise InputError(
            f"{format} is not quantized here",
            expected="--format tflite, which Keras's exporter quantizes",
            got=f"--quantize {quantize} --format {format}",
            file="the command line",
            next_step="drop --quantize, or export as tflite",
        )


@contextmanager
def _scratch(target: Path, beside: Path) -> Iterator[Path]:
    """Make an empty folder for one export alone; its name is fixed, so the next export removes what a killed one left.

    Raises BusyError while another process makes the same export. The lock is that of `beside` and stands for both:
    `atomic_directory` takes that of `target`.
    """
    folder = target.with_name(f".{target.name}.partial-export")
    with ExitStack() as held:
        try:
            held.enter_context(output_lock(beside))
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        except OSError as error:
            raise InputError(
                "the export cannot be written",
                expected="a folder to write to",
                got=str(error),
                file=target.parent,
                next_step="name another folder with --out",
            ) from None
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def _take_place(exported: Path, target: Path) -> None:
    if exported.is_file():
        exported.replace(target)
        return
    with atomic_directory(target) as directory:
        for path in exported.iterdir():
            path.rename(directory / path.name)


def _megabytes(path: Path) -> float:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def _disagrees(exported: Path, agreement: float, least: float, quantize: str) -> InputError:
    step = "this is a defect: please report it, with the versions of pip freeze"
    if quantize != "none":
        step = "give more pictures like those that the model will label (--pictures, --count), or quantize less"
    return InputError(
        "the exported model disagrees with the Keras model, and was removed",
        expected=f"the same class for {least:.1%} of pixels",
        got=f"{agreement:.4%}",
        file=exported.name,
        next_step=step,
    )

"""A video file -> an mp4 of its frames under their overlays, and a legend for all of them.

Input: any video that ffmpeg reads; the package imageio-ffmpeg (extra `video`) brings the program. Output: H.264 at the
video's frame rate, without sound; frames of odd sides gain a row or a column, as H.264 needs even ones. A rate above
FASTEST is a clock's, which ffmpeg gives for some videos whose frames come at odd moments, as browsers record them.
Invariant: a frame gets the labels that it would get as a picture, and memory holds no more than a batch of frames.
"""

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sceneparse.core.errors import InputError, printable
from sceneparse.core.files import atomic_write
from sceneparse.core.progress import print_above_bars, progress
from sceneparse.dataset.images import Pixels
from sceneparse.predict.drawing import Look, draw_overlay
from sceneparse.predict.labelling import PIXELS, LabelOptions, annotate, at_once
from sceneparse.predict.legend import class_shares
from sceneparse.predict.outputs import Prediction, save_legend, unwritable

if TYPE_CHECKING:
    from sceneparse.predict.labelling import Parser

# The colour matrix of HD video, named in the file, so that players show the right colours.
FILTER = "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv"

# Containers of files in inputs.VIDEOS, and streams with such names.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,m4v,asf,flv,ogg,dv,h264,hevc"

FASTEST = 240  # frames a second that cameras store
USUAL = 30  # frames a second in place of a rate above FASTEST


class Stream(NamedTuple):
    """Size of a video's frames; `rate` is frames a second, as a fraction (30000/1001)."""

    width: int
    height: int
    rate: str


def label_video(parser: "Parser", path: Path, files: dict[str, Path], look: Look, options: LabelOptions) -> Prediction:
    """Label every frame and write both files. Raises InputError, also if imageio-ffmpeg is not installed."""
    ffmpeg = _program(path)
    stream = _probe(ffmpeg, path)
    most = at_once(stream.width, stream.height, parser, options, path)
    pixels = np.zeros(1 + len(parser.classes), np.int64)
    try:
        with atomic_write(files["overlay"]) as file, _encoder(ffmpeg, stream, Path(file.name)) as encoder:
            for frames in _batches(ffmpeg, path, stream, most):
                for frame, labels in zip(frames, annotate(frames, parser, options, path), strict=True):
                    pixels += np.bincount(labels.annotation.ravel(), minlength=len(pixels))
                    drawn = draw_overlay(frame, labels.annotation, parser.classes, parser.colours, look)
                    encoder.write(drawn.tobytes())
            if not pixels.any():
                raise _refusal("no frame can be decoded", path)
        shares = class_shares(pixels, parser.classes)
        save_legend(files["legend"], parser, shares)
    except OSError as error:
        raise unwritable(files["overlay"].parent, str(error)) from None
    return Prediction(files, (stream.width, stream.height), shares)


def _program(path: Path) -> str:
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
    except ImportError:
        raise InputError(
            "videos need a package that is not installed",
            expected="imageio-ffmpeg, which brings the program ffmpeg",
            got="none",
            file=path,
            next_step="pip install -c constraints.txt -e '.[video]'",
        ) from None
    return str(get_ffmpeg_exe())


def _probe(ffmpeg: str, path: Path) -> Stream:
    """Return size (upright) and rate, from the header of the first frame as YUV4MPEG2: W320 H240 F30000:1001 ..."""
    command = [ffmpeg, *_reading(path), "-frames:v", "1", "-pix_fmt", "yuv444p", "-f", "yuv4mpegpipe", "pipe:1"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    fields = {word[:1]: word[1:] for word in done.stdout.partition(b"\n")[0].decode(errors="replace").split()}
    if done.returncode or not {"W", "H", "F"} <= fields.keys():
        raise _refusal(done.stderr.decode(errors="replace").strip() or "no video in it", path)
    rate = fields["F"].replace(":", "/")
    frames, seconds = map(int, rate.split("/"))
    if frames > FASTEST * seconds:
        name = printable(str(path))
        print_above_bars(f"note: {name}: no constant rate is known ({rate}): {USUAL} frames a second are labelled")
        rate = f"{USUAL}/1"
    return Stream(int(fields["W"]), int(fields["H"]), rate)


def _batches(ffmpeg: str, path: Path, stream: Stream, most: int) -> Iterator[list[Pixels]]:
    """Yield all frames, RGB uint8 [H, W, 3], at a constant rate; at most `most` at a time."""
    size = stream.width * stream.height
    count = max(1, min(most, PIXELS // size))
    command = [ffmpeg, *_reading(path), "-r", stream.rate, "-pix_fmt", "rgb24", "-f", "rawvideo", "pipe:1"]
    with (
        tempfile.TemporaryFile() as errors,
        _started(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors) as process,
        progress(desc=printable(path.name), unit="frame", leave=False) as bar,
    ):
        while content := process.stdout.read(3 * size * count):
            whole = len(content) // (3 * size)
            frames = np.frombuffer(content, np.uint8, 3 * size * whole)
            if whole:
                yield list(frames.reshape(whole, stream.height, stream.width, 3))
            bar.update(whole)
        if process.wait():
            raise _refusal(_tail(errors), path)


@contextmanager
def _encoder(ffmpeg: str, stream: Stream, target: Path) -> Iterator[IO[bytes]]:
    """Give a pipe for the frames' bytes; the file is complete if the block ends without an error."""
    size, refusal = f"{stream.width}x{stream.height}", None
    command = [ffmpeg, "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", stream.rate]
    command += ["-i", "pipe:0", "-an", "-vf", FILTER, "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    command += ["-movflags", "+faststart", "-f", "mp4", f"file:{target}"]
    with (
        tempfile.TemporaryFile() as errors,
        _started(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors) as process,
    ):
        try:
            yield process.stdin
            process.stdin.close()
        except BrokenPipeError:
            refusal = "it ended early"
        if process.wait() or refusal:
            tail, full = _tail(errors), os.strerror(errno.ENOSPC)
            if full in tail:
                raise OSError(errno.ENOSPC, full, str(target))
            raise unwritable(target.parent, f"ffmpeg: {tail or refusal}")


@contextmanager
def _started(command: list[str], **pipes: Any) -> Iterator[Any]:
    """Start a process, a Popen, that ends with the block."""
    with subprocess.Popen(command, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def _reading(path: Path) -> list[str]:
    # The protocol before the name, as ffmpeg takes a name with a colon for one; no other protocol inside the file, and
    # no playlist, which would read other files.
    whitelists = ["-protocol_whitelist", "file,pipe", "-format_whitelist", FORMATS]
    return ["-v", "error", "-nostdin", *whitelists, "-i", f"file:{path}"]


def _tail(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read().decode(errors="replace").strip()[-1000:]


def _refusal(got: str, path: Path) -> InputError:
    return InputError(
        "the video cannot be read",
        expected="a video that ffmpeg decodes",
        got=got,
        file=path,
        next_step="play it to check that it is whole; convert another format to mp4",
    )

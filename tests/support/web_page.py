"""`sceneparse web` in a process of its own, its limits, and a photo for it."""

import re
import select
import subprocess
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
from command import ENVIRONMENT, command
from datasets import encoded
from photos import turned
from PIL import Image

NAMES = ("<b>road</b> & path", "sky", "tree")
MAX_MB, MAX_MEGAPIXELS = 1, 2
WAIT_S = 180  # however busy the machine is


def sketch():
    """Blocks of colours, so that the tests' model sees more than one class."""
    blocks = np.random.default_rng(8).integers(0, 256, (3, 4, 3), np.uint8)
    return Image.fromarray(blocks.repeat(40, 0).repeat(40, 1))


PHOTO = encoded(sketch(), "JPEG", exif=turned(), quality=95, subsampling=0)


@contextmanager
def running(model, *flags):
    """The command's process, once it has said where it is: .url and .process."""
    words = command("web", "--model", model, "--port", "0", *flags)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=model.parent, env=ENVIRONMENT, **pipes) as process:
        try:
            ready, _, _ = select.select([process.stdout], [], [], WAIT_S)
            line = process.stdout.readline() if ready else "nothing"
            match = re.fullmatch(r"sceneparse web: (http://\S+/) \(Ctrl-C ends it\)\n", line)
            assert match, line + (process.kill() or process.stderr.read())
            yield SimpleNamespace(url=match[1], process=process)
        finally:
            process.kill()

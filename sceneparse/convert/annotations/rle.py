"""Run lengths as COCO, CVAT and Label Studio write them -> masks, bool [H, W].

The formats are small and exact, and pycocotools, which reads one of the three, is compiled: a test compares with it.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sceneparse.dataset.photos import Size

Bits = npt.NDArray[np.bool_]

CHANNELS = 4  # Label Studio's brush is RGBA
ALPHA = 3
WORD = 8  # bits per word


def runs_to_mask(counts: Sequence[int], height: int, width: int, by_columns: bool) -> Bits:
    """Decode lengths of runs of 0 and 1 in turn, 0 first; COCO counts down the columns, CVAT along the rows."""
    try:
        runs = np.asarray(counts, np.int64)
    except OverflowError as error:
        raise ValueError(f"run lengths: {error}") from None
    if runs.min(initial=0) < 0 or runs.max(initial=0) > height * width or runs.sum() != height * width:
        raise ValueError(f"run lengths do not add up to {width} x {height} pixels")
    flat = np.repeat(np.arange(runs.size) % 2 == 1, runs)
    return flat.reshape(width, height).T if by_columns else flat.reshape(height, width)


def coco_counts(text: str) -> list[int]:
    """Decode COCO's compressed run lengths.

    Each character holds 6 bits above '0': five bits of the number, lowest first, and a bit that is set if more follow.
    The highest bit of the last character is the sign. From the fourth number on, add the one two places before.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        six = ord(character) - ord("0")
        if not 0 <= six < 64:
            raise ValueError(f"{character!r} is no character of compressed run lengths")
        value |= (six & 31) << shift
        shift += 5
        if not six & 32:
            if six & 16:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("compressed run lengths are cut off")
    return counts


def brush_to_mask(content: bytes, size: Size) -> Bits:
    """Decode a stroke of Label Studio's brush: the opaque pixels of an RGBA picture.

    The stream of bits begins with the number of words (32 bits), a word's size - 1 (5 bits), and four sizes of run
    lengths - 1 (4 bits each). Blocks follow: 1 bit that is set if all words are equal, 2 bits that choose one of the
    four sizes, the number of words - 1, and the word or words.
    """
    width, height = size
    bits = np.unpackbits(np.frombuffer(content, np.uint8))
    place = 0

    def take(size: int) -> npt.NDArray[np.uint8]:
        nonlocal place
        place += size
        if place > len(bits):
            raise ValueError("the brush's run lengths are cut off")
        return bits[place - size : place]

    def read(size: int) -> int:
        return int((take(size) + ord("0")).tobytes(), 2)

    count = read(32)
    if count != height * width * CHANNELS:
        raise ValueError(f"the brush's run lengths are not of {width} x {height} pixels")
    word = read(5) + 1
    if word != WORD:
        raise ValueError(f"the brush's run lengths are of {word} bits, not of {WORD}")
    sizes = [read(4) + 1 for _ in range(4)]
    words, start = np.zeros(count, np.uint8), 0
    while start < count:
        equal = read(1)
        end = start + 1 + read(sizes[read(2)])
        if end > count:
            raise ValueError("the brush's run lengths have more pixels than the picture")
        if equal:
            words[start:end] = read(word)
        else:
            words[start:end] = np.packbits(take((end - start) * word))
        start = end
    return words.reshape(height, width, CHANNELS)[..., ALPHA] > 0

"""Small pictures of every format that is read, and seeded damage to their bytes."""

import io
import random
import struct
import zlib

from photos import chunk, picture, turned
from PIL import Image

from sceneparse.dataset.picture_formats import FORMATS

FRAMES = {"save_all": True}
SAVED = {  # Pillow's format, modes, and options
    "JPEG": (
        ("JPEG", ("RGB", "L", "CMYK"), {"exif": turned(), "quality": 95}),
        ("JPEG", ("RGB",), {"progressive": True}),
        ("MPO", ("RGB",), FRAMES),
    ),
    "PNG": (("PNG", ("RGB", "RGBA", "L", "P", "1"), {"exif": turned()}), ("PNG", ("RGB",), FRAMES)),
    "WEBP": (
        ("WEBP", ("RGB", "RGBA"), {"exif": turned()}),
        ("WEBP", ("RGB",), {"lossless": True}),
        ("WEBP", ("RGB",), FRAMES),
    ),
    "TIFF": (
        ("TIFF", ("RGB", "RGBA", "L", "P", "1", "CMYK", "LAB", "YCbCr"), {"exif": turned()}),
        ("TIFF", ("RGB",), {"compression": "tiff_lzw"}),
        ("TIFF", ("RGB",), {"compression": "tiff_adobe_deflate"}),
        ("TIFF", ("RGB", "YCbCr"), {"compression": "jpeg"}),
        ("TIFF", ("1",), {"compression": "group4"}),
        ("TIFF", ("RGB",), FRAMES),
    ),
    "BMP": (("BMP", ("RGB", "RGBA", "L", "P", "1"), {}),),
    "GIF": (("GIF", ("RGB", "L", "P"), {}), ("GIF", ("RGB",), FRAMES)),
    "AVIF": (("AVIF", ("RGB", "RGBA", "L"), {"exif": turned()}), ("AVIF", ("RGB",), {"quality": 100})),
}
PNG_CHUNKS = (
    *(b"zTXt", b"iTXt", b"tEXt", b"iCCP", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"tRNS", b"PLTE", b"eXIf"),
    *(b"acTL", b"fcTL", b"fdAT", b"sBIT", b"bKGD", b"hIST", b"tIME", b"IDAT", b"IHDR", b"IEND", b"cICP"),
)
EXTREMES = (0, 1, 255, 65_535, 65_536, 100_000, 2**31 - 1, 2**31, 2**32 - 1)
BLOCKS = (1, 2, 4, 8, 64)  # bytes that change together


def whole_pictures(format: str) -> list[bytes]:
    """Return pictures of 60 x 40 pixels in all kinds of a format."""
    contents = []
    for saved_as, modes, options in SAVED[format]:
        for mode in modes:
            file, more = io.BytesIO(), [Image.new("RGB", (60, 40), (0, 255, 0))] if options is FRAMES else []
            picture(mode).save(file, saved_as, append_images=more, **options)
            contents.append(file.getvalue())
    return contents


def mutations(format: str, count: int) -> list[bytes]:
    """Return damaged pictures of a format, the same each time."""
    generator = random.Random(f"{format} {count}")  # noqa: S311 - no secrets
    pictures = whole_pictures(format)
    return [_mutate(generator, generator.choice(pictures)) for _ in range(count)]


def _mutate(generator: random.Random, content: bytes) -> bytes:
    kinds = [_flip_bits, _cut, _edit_block, _edit_number]
    if content.startswith(b"\x89PNG"):
        kinds += [_edit_chunks] * 6  # whose checksums are right
    if content.startswith(b"II"):
        kinds += [_edit_tags] * 4
    return generator.choice(kinds)(generator, content)


def _flip_bits(generator: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(generator.choice((1, 1, 2, 4, 16))):
        changed[generator.randrange(len(changed))] ^= 1 << generator.randrange(8)
    return bytes(changed)


def _cut(generator: random.Random, content: bytes) -> bytes:
    return content[: generator.randrange(len(content))]


def _edit_block(generator: random.Random, content: bytes) -> bytes:
    """Clear, set, remove, repeat or replace some bytes in a row."""
    place, length = generator.randrange(len(content)), generator.choice(BLOCKS)
    block = content[place : place + length]
    edits = (bytes(len(block)), b"\xff" * len(block), b"", block * 2, generator.randbytes(len(block)))
    return content[:place] + generator.choice(edits) + content[place + length :]


def _edit_number(generator: random.Random, content: bytes) -> bytes:
    """Write an extreme number, most often into the header."""
    changed = bytearray(content)
    most = len(content) if generator.random() < 0.3 else min(120, len(content))
    form, place = generator.choice(("<I", ">I", "<H", ">H")), generator.randrange(most - 4)
    struct.pack_into(form, changed, place, generator.choice(EXTREMES) & (0xFFFF if form[1] == "H" else 0xFFFFFFFF))
    return bytes(changed)


def _edit_chunks(generator: random.Random, content: bytes) -> bytes:
    """Change, remove, insert, rename, cut or exchange chunks of a PNG."""
    chunks, place = [], 8
    while place < len(content):
        length = int.from_bytes(content[place : place + 4])
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    index, other = (generator.randrange(len(chunks)) for _ in range(2))
    kind, data = chunks[index]
    match generator.randrange(7):
        case 0 | 1 if data:
            data = bytearray(data)
            for _ in range(generator.choice((1, 2, 4))):
                data[generator.randrange(len(data))] = generator.choice((0, 1, 127, 128, 255, generator.randrange(256)))
            chunks[index] = kind, bytes(data)
        case 2:
            del chunks[index]
        case 3:
            chunks.insert(index, (generator.choice(PNG_CHUNKS), generator.randbytes(generator.randrange(30))))
        case 4:
            chunks[index] = generator.choice(PNG_CHUNKS), data
        case 5:
            chunks[index] = kind, data[: generator.randrange(len(data) + 1)]
        case _:
            chunks[index], chunks[other] = chunks[other], chunks[index]
    return content[:8] + b"".join(chunk(*parts) for parts in chunks)


def _edit_tags(generator: random.Random, content: bytes) -> bytes:
    """Change the number, kind, count or value of tags of a TIFF."""
    changed = bytearray(content)
    (directory,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, directory)
    for _ in range(generator.choice((1, 1, 2, 3))):
        place = directory + 2 + 12 * generator.randrange(count)
        match generator.randrange(4):
            case 0:
                struct.pack_into("<H", changed, place, generator.choice((*range(254, 350), 700, 34_665)))
            case 1:
                struct.pack_into("<H", changed, place + 2, generator.randrange(20))
            case _:
                value = generator.choice((*EXTREMES, *range(20), len(content), generator.randrange(2**32)))
                struct.pack_into("<I", changed, place + generator.choice((4, 8)), value)
    return bytes(changed)


def text_bomb(megabytes: int) -> bytes:
    """Return a chunk of a PNG whose text inflates to so many megabytes."""
    return chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(megabytes << 20), 9))


assert {*SAVED} >= {*FORMATS}, "each format that is read has pictures"

"""Names as they are compared: of labels and classes, files and folders.

Some systems and tools write an accented letter as one character (NFC), others as two (NFD): they are the same name.
"""

import unicodedata


def spelled(text: str) -> str:
    """Return a label or a class's name, without blanks at its ends, accents as one character."""
    return unicodedata.normalize("NFC", text.strip())


def comparable(text: str) -> str:
    """Return a name or a path for comparison, accents as one character and capitals as small letters."""
    return unicodedata.normalize("NFC", text).casefold()

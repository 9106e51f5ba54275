"""Text, such as that of a server, made fit for a terminal, a log or an error message.

Decides which characters are removed. What is secret in a text is decided by `redaction`.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Sequence
from typing import Final

_ESCAPES: Final = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])")
# C0 and C1 controls, Unicode's line breaks, and its Bidi_Control characters, which reorder text.
_CONTROLS: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
_BREAKS: Final = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\s*")


def of_another_loop(what: str, which: str) -> str:
    """Return what to say where something is used in another event loop than its own."""
    return (
        f"{what} belongs to the event loop {which}, and this is another one; create a client in "
        "each asyncio.run(), or let all threads and synchronous callers use one aconnect.Portal"
    )


def clean(text: str) -> str:
    """Remove what would move the cursor, color or reorder text; keep tabs and line breaks."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def clean_json(text: str) -> str:
    r"""Write these characters in a JSON document as `\u` escapes, which changes no value."""
    # A carriage return can only be between values.
    text = text.replace("\r", "")
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str) -> str:
    """Clean a text and join its lines, so that a log has one record of it."""
    return clean(_BREAKS.sub(" ", text)).strip()


def excerpt(text: str, redact: Callable[[str], str], most: int = 500) -> str:
    """Return the beginning of a text for a message; redacted first, or half a secret could stay."""
    return one_line(redact(text))[:most]


def some_of(names: Sequence[str], most: int = 5) -> str:
    """Return the first names for a message, and the number of the others."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def size_text(size: float) -> str:
    """Return a number of bytes in a readable unit."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def decode_text(data: bytes) -> str:
    """Return the text of a file in UTF-8, without the mark with which Windows begins it.

    Raise `UnicodeError`, which quotes nothing of the file, for anything else.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        is_utf16 = data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or b"\0" in data[:2]
        raise UnicodeError(f"it is {'UTF-16' if is_utf16 else 'not UTF-8'} text; save it as UTF-8")
    return text


def csv_delimiter(text: str) -> str:
    """Return what separates the fields of a CSV file, as its first line shows."""
    first = text.partition("\n")[0]
    # Spreadsheets write semicolons where the comma is the decimal mark.
    return ";" if ";" in first and "," not in first else ","


def counted(number: int, noun: str) -> str:
    """Return a number of things, such as `2 items`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

"""A JSON array that is split into its elements while it arrives.

Decides where a part of the body can be cut off and decoded. The cut is guessed first: at the last
place that looks like the end of an object, a comma and the beginning of another. The text before it
begins with an element, so if it decodes, nothing in it was cut apart. If it does not, because the
place is within a string or within an element, the text is read token by token, once, until an
element ends. So memory is bounded by the largest element and a chunk, and time is linear.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Raw

from aconnect._core.decoding import FAILURES, HTML_PAGE, replace_lone_surrogates
from aconnect._core.text import excerpt
from aconnect.errors import BodyTooLargeError, DecodeError

MAX_ELEMENT: Final = 256 * 1024 * 1024
"""Bytes of one element; more of them are rather a body in which a quotation mark is missing."""

_BOUNDARY: Final = re.compile(rb"\}[ \t\r\n]*+,[ \t\r\n]*+\{")
# Where the last boundary is looked for first: longer than most elements.
_TAIL: Final = 4 * 1024
# A text that has no end matches too, and then the group is empty.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+("?)|[\[\]{},]', re.DOTALL)
_SPACE: Final = b" \t\r\n"
_SHOWN: Final = 120

_decode_strictly: Final = msgspec.json.Decoder(list[Raw]).decode


def _decode(text: bytes) -> list[Raw]:
    try:
        return _decode_strictly(text)
    except msgspec.DecodeError:
        mended, count = replace_lone_surrogates(text)
        if not count:
            raise
        return _decode_strictly(mended)


class ArrayStream:
    """Splits one JSON array into its elements; `null` is an empty one.

    Args:
        call: Names the call in the messages of errors.
        redact: Removes secrets from text that a message quotes.
    """

    __slots__ = ("_call", "_head", "_is_open", "_parts", "_received", "_redact", "_rows", "_scan")

    def __init__(self, call: str, redact: Callable[[str], str] = str) -> None:
        self._call = call
        self._redact = redact
        self._head = b""
        """What came so far of something that may be `null`."""
        self._is_open = False
        self._parts: list[bytes] = []
        """What follows the last element that was returned, and the comma after it."""
        self._scan: _Scan | None = None
        """How far they were read, if a cut could not be guessed."""
        self._received = 0
        self._rows = 0

    def feed(self, chunk: bytes) -> list[Raw]:
        """Return the elements that are complete with this chunk, as views into one buffer.

        Raises:
            DecodeError: The body is not an array, or damaged.
            BodyTooLargeError: An element has more than `MAX_ELEMENT` bytes.
        """
        self._received += len(chunk)
        if not self._is_open:
            chunk = self._open(chunk)
        if not chunk:
            return []
        self._parts.append(chunk)
        scan = self._scan
        if scan is None:
            text = b"".join(self._parts)
            self._parts = [text]
            cut = _last_boundary(text)
            if cut is not None:
                try:
                    return self._take(text, cut)
                except FAILURES:
                    pass  # Not a boundary, or damaged: reading it shows which.
            scan = self._scan = _Scan()
            chunk = text
        cut = scan.read(chunk)
        if cut is None:
            if scan.size > MAX_ELEMENT:
                raise BodyTooLargeError(
                    f"{self._call} returned an array with an element of more than {MAX_ELEMENT} "
                    "bytes, or a damaged one"
                )
            return []
        self._scan = None
        try:
            return self._take(b"".join(self._parts), scan.size - len(chunk) + cut)
        except FAILURES as error:
            raise self._damaged() from error

    def close(self) -> list[Raw]:
        """Return the last elements, at the end of the body.

        Raises:
            DecodeError: The array is not complete, or something follows it.
        """
        if not self._is_open:
            if self._head.strip(_SPACE) == b"null":
                return []
            raise self._not_an_array(self._head)
        try:
            rows = _decode(b"".join((b"[", *self._parts)))
        except FAILURES as error:
            raise self._damaged() from error
        if self._rows and not rows:  # A comma was before the bracket.
            raise self._damaged()
        return rows

    def _open(self, chunk: bytes) -> bytes:
        """Return what follows the opening bracket, as far as it has come."""
        head = (self._head + chunk).lstrip(_SPACE)
        if head.startswith(b"["):
            self._is_open = True
            self._head = b""
            return head[1:]
        self._head = head
        # Spaces may follow `null`, but not without end.
        if not b"null".startswith(head.rstrip(_SPACE)) or len(head) > MAX_ELEMENT:
            raise self._not_an_array(head)
        return b""

    def _take(self, text: bytes, cut: int) -> list[Raw]:
        """Decode the elements before the comma at `cut`, and keep what follows it."""
        rows = _decode(b"".join((b"[", memoryview(text)[:cut], b"]")))
        if not rows:
            raise msgspec.DecodeError("a comma is preceded by no element")
        self._parts = [text[cut + 1 :]]
        self._rows += len(rows)
        return rows

    def _damaged(self) -> DecodeError:
        return DecodeError(
            f"{self._call} returned an array that is damaged or truncated after {self._rows} "
            f"elements (received {self._received} bytes)",
            body=b"".join(self._parts),
        )

    def _not_an_array(self, head: bytes) -> DecodeError:
        if not head:
            what = "nothing: the body is empty"
        elif head.startswith(b"<"):
            return DecodeError(f"{self._call}: {HTML_PAGE}", body=head)
        elif head.startswith(b"\xef\xbb\xbf"):
            what = "a byte order mark, which JSON must not begin with, instead of an array"
        elif head.startswith(b"{"):
            what = "an object instead of an array"
        else:
            text = excerpt(head.decode("utf-8", "replace"), self._redact, _SHOWN)
            what = f"something else than an array, starting with {text!r}"
        return DecodeError(f"{self._call} returned {what}", body=head)


class _Scan:
    """Reads the elements of an array token by token, and finds the commas between them."""

    __slots__ = ("_depth", "_text", "size")

    def __init__(self) -> None:
        self.size = 0
        """The bytes that were read."""
        self._depth = 0
        self._text = b""
        """The beginning of a text that goes on in the next chunk: a quotation mark, or that and a
        backslash."""

    def read(self, chunk: bytes) -> int | None:
        """Return the position of the last comma between elements in this chunk, if any."""
        cut = None
        lead, self._text = self._text, b""
        self.size += len(chunk)
        text = lead + chunk
        depth = self._depth
        for token in _TOKEN.finditer(text):
            match text[token.start()]:
                case 0x22:  # "
                    if not token[1]:
                        self._text = b'"' + text[token.end() :]
                case 0x2C:  # ,
                    if depth == 0:
                        cut = token.start() - len(lead)
                case 0x5B | 0x7B:  # [ {
                    depth += 1
                case _:
                    depth -= 1
                    if depth < 0:  # The array has ended, and nothing may follow.
                        break
        self._depth = depth
        return cut


def _last_boundary(text: bytes) -> int | None:
    """Return the position of the last comma that seems to be between two objects."""
    for start in (max(0, len(text) - _TAIL), 0):
        last = deque(_BOUNDARY.finditer(text, start), maxlen=1)
        if last:
            return text.index(b",", last[0].start())
    return None

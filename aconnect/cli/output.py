"""What the commands print: results to standard output, everything else to standard error.

Nothing from a server reaches the terminal with control characters or a credential of the client in
it.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from aconnect._core.text import clean, clean_json, size_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from aconnect._client.client import BaseClient
    from aconnect._client.paged import Paged

_CLIENTS: Final = f"{__name__}.clients"
_KEYS: Final = f"{__name__}.keys"


def prepare_streams() -> None:
    """Open closed streams, and write characters that a stream cannot encode as escapes.

    A pipe on Windows, for example, cannot encode all of them.
    """
    # The next file or connection would otherwise take the place of a closed stream. Input is then
    # empty, messages are discarded, and results cannot be written.
    for name, mode, flags in (
        ("stdin", "r", os.O_RDONLY),
        ("stdout", "w", os.O_RDONLY),
        ("stderr", "w", os.O_WRONLY),
    ):
        if getattr(sys, name) is None:
            file = open(os.devnull, mode, encoding="utf-8", opener=_opener(flags))  # noqa: SIM115
            setattr(sys, name, file)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in {"strict", "surrogateescape"}:
            stream.reconfigure(errors="backslashreplace")


def _opener(flags: int) -> Callable[[str, int], int]:
    return lambda path, _: os.open(path, flags)


def hide_credentials(client: BaseClient) -> None:
    """Remove the credentials of a client from everything that this command prints from now on."""
    click.get_current_context().meta.setdefault(_CLIENTS, []).append(client)


def note_key(text: str, server: str = "") -> None:
    """Remember where the key of a server came from, in case that it is refused."""
    click.get_current_context().meta.setdefault(_KEYS, []).append((server, text))


def key_notes(message: str) -> tuple[str, ...]:
    """Return where the key came from, unless from an argument or a variable.

    Of several servers, it is that of the one that the message names.
    """
    context = click.get_current_context(silent=True)
    notes: list[tuple[str, str]] = [] if context is None else context.meta.get(_KEYS, [])
    named = [text for server, text in notes if server and f"{server.rstrip('/')}/" in message]
    return tuple(named or [text for _, text in notes])


def redacted(text: str) -> str:
    """Return a text without the credentials of the clients."""
    context = click.get_current_context(silent=True)
    clients: list[BaseClient] = [] if context is None else context.meta.get(_CLIENTS, [])
    for client in clients:
        text = client.channel.redact(text)
    return text


def printable(text: str) -> str:
    """Return a text without credentials of the client and without control characters."""
    return clean(redacted(text))


def echo(text: str) -> None:
    """Print one line of the result."""
    click.echo(printable(text))


def echo_error(text: str) -> None:
    """Print a message that is not part of the result, to standard error."""
    # Not with `err=True`: click looks behind what stands for the stream while progress is drawn.
    click.echo(printable(text), file=sys.stderr)


def echo_json(text: str) -> None:
    """Print JSON, with its control characters as escapes, so that no value changes.

    So are the characters that the stream cannot encode.
    """
    text = clean_json(redacted(text))
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    click.echo(text.encode(encoding, _JSON_ESCAPES).decode(encoding))


def _json_escapes(error: UnicodeError) -> tuple[str, int]:
    """Return what cannot be encoded as JSON writes it, in units of UTF-16."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    escapes = [f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2)]
    return "".join(escapes), error.end


_JSON_ESCAPES: Final = "aconnect.json"
codecs.register_error(_JSON_ESCAPES, _json_escapes)


def echo_bytes(data: bytes) -> None:
    """Write a file as received; to a terminal only if it is text, and then like any other."""
    if not sys.stdout.isatty():
        sys.stdout.buffer.write(data)
    elif b"\0" in data:
        raise click.ClickException(
            f"the response is a binary file ({size_text(len(data))}), which a terminal cannot "
            "show; write it to a file with > FILE"
        )
    else:
        click.echo(printable(data.decode("utf-8", "replace")), nl=False)


class JsonArray:
    """Prints a JSON array, item by item while they arrive."""

    def __init__(self) -> None:
        self._last = ""

    def add(self, item: str) -> None:
        """Print the item before, and keep this one: it may be the last."""
        if self._last:
            echo_json(f"{self._last},")
        self._last = f"{' ' if self._last else '['}{item}"

    def close(self) -> None:
        """Print the rest."""
        echo_json(f"{self._last or '['}]")


async def echo_rows(rows: Paged[Any], *, as_json: bool) -> None:
    """Print items as received, while they arrive: one per line, or as one array."""
    array = JsonArray()
    async for page in rows.raw().pages():
        for item in page.items:
            text = bytes(item).decode("utf-8", "replace")
            if as_json:
                array.add(text)
            else:
                # A line break in JSON is never part of a value.
                echo_json(" ".join(line.strip() for line in text.split("\n")))
    if as_json:
        array.close()


def is_terminal(stream: str) -> bool:
    """Return True if `stdout` or `stderr` is a terminal that can redraw lines."""
    return bool(getattr(sys, stream).isatty()) and os.environ.get("TERM") != "dumb"

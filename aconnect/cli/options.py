"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

import click

from aconnect._core.text import decode_text as decode_bytes
from aconnect.cli.output import echo_error
from aconnect.cli.running import Failure

_AGO: Final = re.compile(r"-?(\d{1,9})([dh])")
_DURATION: Final = re.compile(r"(\d{1,9})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST: Final = 36_500 * 86_400
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


class LibraryChoice(click.Choice[str]):
    """A choice of the values of one of the library's literals, which is imported late."""

    def __init__(self, module: str, name: str) -> None:
        super().__init__(())
        self._module = module
        self._name = name

    @property
    def choices(self) -> tuple[str, ...]:
        """The values."""
        values: tuple[str, ...] = get_args(getattr(import_module(self._module), self._name))
        return values

    @choices.setter
    def choices(self, values: Sequence[str]) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Ignore what click's constructor sets."""


FORMAT: Final = LibraryChoice("aconnect.collect.outputs", "Format")


if TYPE_CHECKING:
    _TextType = click.ParamType[str]
    _TimeType = click.ParamType[datetime]
    _DurationType = click.ParamType[timedelta]
else:
    # Generic only since click 8.4.
    _TextType = _TimeType = _DurationType = click.ParamType


class DatasetName(_TextType):
    """The name of a dataset, with hyphens or underscores."""

    name = "dataset"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name as the library writes it."""
        from aconnect.collect.datasets import dataset_name
        from aconnect.errors import InvalidArgumentError

        try:
            return dataset_name(value)
        except InvalidArgumentError as error:
            self.fail(str(error), param, ctx)


DATASET: Final = DatasetName()


class Time(_TimeType):
    """A date, which means midnight UTC, a time in RFC 3339, or a time relative to now."""

    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Parse the value of an option."""
        from aconnect._core.url import timestamp
        from aconnect.errors import InvalidArgumentError

        if isinstance(value, datetime):
            return value
        text = value.strip()
        if (time := _relative(text.lower(), datetime.now(UTC))) is not None:
            return time
        if _DATE.fullmatch(text):
            text += "T00:00:00Z"
        try:
            timestamp("TIME", text)
        except InvalidArgumentError as error:
            reason = f" ({error.__cause__})" if error.__cause__ else ""
            self.fail(
                f"{value!r} is neither a date, such as 2026-01-31 (midnight UTC), nor a time in "
                f"RFC 3339, such as 2026-01-31T12:00:00Z or 2026-01-31T12:00:00+01:00, nor today, "
                f"yesterday, or days or hours ago, such as 7d or -7d{reason}",
                param,
                ctx,
            )
        time = datetime.fromisoformat(text.upper())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _relative(text: str, now: datetime) -> datetime | None:
    """Return a relative time; full days and hours, so that a repeated command means the same."""
    days = {"today": 0, "yesterday": 1}.get(text)
    ago = _AGO.fullmatch(text)
    if days is None and ago is not None and ago[2] == "d":
        days = int(ago[1])
    try:
        if days is not None:
            return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
        if ago is not None:
            return now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=int(ago[1]))
    except OverflowError:
        pass  # refused with the other forms
    return None


TIME: Final = Time()


class Duration(_DurationType):
    """A length of time with its unit, such as 60s, 5m, 1h or 30d."""

    name = "duration"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Parse the value of an option."""
        if isinstance(value, timedelta):
            return value
        found = _DURATION.fullmatch(value.strip().lower())
        seconds = int(found[1]) * _SECONDS[found[2]] if found else None
        if seconds is None or seconds > _LONGEST:
            self.fail(
                f"{value!r} is not a length of time up to 100 years; write a number with s, m, h "
                "or d, such as 60s, 5m, 1h or 30d",
                param,
                ctx,
            )
        return timedelta(seconds=seconds)


DURATION: Final = Duration()


def read_secret(data: bytes, name: str) -> str:
    """Return the key that a file contains, without showing any of it."""
    key = decode_text(data, name).strip()
    if not key:
        raise click.UsageError(f"no API key: {name} is empty")
    if not key.isprintable():
        raise click.UsageError(
            f"{name} contains line breaks or control characters within the key; write the key "
            "alone into it, as UTF-8 text"
        )
    return key


def decode_text(data: bytes, name: str) -> str:
    """Return the text of a file; Windows begins UTF-8 with a mark, which is no part of it."""
    try:
        return decode_bytes(data).replace("\r\n", "\n")
    except UnicodeError as error:
        # Its context would contain the file.
        raise click.UsageError(f"{name}: {error}") from None


@contextmanager
def echo_warnings() -> Generator[None, None, None]:
    """Print the warnings of a block as messages."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        echo_error(f"Warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield


def folder(path: Path) -> Path:
    """Create a folder if necessary, and check that it is writable before anything is fetched."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(
            f"cannot create the folder {path}: {error.strerror or error}; choose another --out"
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise Failure(f"cannot write to the folder {path}; choose another --out")
    return path

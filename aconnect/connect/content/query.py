"""Content search: its query language, the meaning of each term, and quoting.

The server decides whether a value is valid: it ignores a filter whose value it does not understand,
returns more content than intended, and adds a warning, which is logged and is in `Page.warnings`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal, TypedDict, Unpack, cast

from msgspec import UNSET

from aconnect._core.completion import shows_fields
from aconnect.errors import InvalidArgumentError

Order = Literal["asc", "desc"] | str
"""Ascending or descending."""

OwnerTerm = Literal["@me"] | str
"""A user name, or `@me` for the owner of the key."""

# Text that is not a quote, a separator, a negation or the name of a filter.
_WORD: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]*")
_VALUE: Final = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_.@/+-]*")

_FLAGS: Final = ("published", "locked", "bookmarked", "scheduled")
_VERSIONS: Final = ("python", "r")


class ContentTerms(TypedDict, total=False):
    """Search terms; content must match all of them.

    Of several owners, types, tags or images one must match; of several texts and packages all must.
    """

    text: str | Sequence[str]
    """Words or phrases in name, title or description; ignores case, and which space or punctuation
    separates words."""
    owner: OwnerTerm | Sequence[OwnerTerm]
    """User names; `@me` is the owner of the key."""
    type: str | Sequence[str]
    """Types as in `ContentItem.app_mode`, such as `shiny`."""
    tag: str | Sequence[str]
    """Names of tags, or paths such as `finance/docs` if names are not unique."""
    published: bool
    """Whether it has a bundle."""
    locked: bool
    bookmarked: bool
    """Whether the owner of the key has bookmarked it."""
    scheduled: bool
    """Whether it is rendered by a schedule."""
    python: str | bool
    """A version such as `3`, `3.11` or `3.11.5`, or whether it uses any."""
    r: str | bool
    """A version such as `4` or `4.3`, or whether it uses any."""
    package: str | Sequence[str]
    """Packages with version specifiers as in pip: `flask`, `flask>=2.3,<3`, `flask~=2.3.4`."""
    image: str | Sequence[str]
    """Parts of the name of an execution image."""


@shows_fields
def content_query(*, exclude: ContentTerms | None = None, **terms: Unpack[ContentTerms]) -> str:
    """Return a query for `Content.search`, without content that matches any term of `exclude`."""
    words = [word for name, value in terms.items() for word in _words(name, value)]
    if exclude is not None:
        words += [_not(word) for name, value in exclude.items() for word in _words(name, value)]
    return " ".join(words)


def _words(name: str, value: object) -> list[str]:
    """Return the terms of one argument."""
    if name not in ContentTerms.__annotations__:
        known = ", ".join(sorted(ContentTerms.__annotations__))
        raise TypeError(f"content.search() got an unexpected term {name!r}; it accepts {known}")
    if value is UNSET:
        return []
    if isinstance(value, bool) and name in _FLAGS:
        return [f"{name}:{str(value).lower()}"]
    if isinstance(value, bool) and name in _VERSIONS:
        return [f"is:{name}" if value else _not(f"is:{name}")]
    if name in _FLAGS:
        raise InvalidArgumentError(f"the search term {name} must be True or False, not {value!r}")
    values = _texts(name, value)
    if name == "text":
        return [_quoted(text, _WORD) for text in values]
    if name == "package":
        return [f"package:{_quoted(text, _VALUE)}" for text in values]
    return [f"{name}:{','.join(_quoted(text, _VALUE) for text in values)}"]


def _not(word: str) -> str:
    return word.removeprefix("-") if word.startswith("-") else f"-{word}"


def _texts(name: str, value: object) -> list[str]:
    given: Sequence[object] = (value,)
    if isinstance(value, Sequence) and not isinstance(value, str):
        given = cast("Sequence[object]", value)
    texts = [text for text in given if isinstance(text, str) and text.strip()]
    if not texts or len(texts) < len(given):
        # Omitting it would match everything.
        raise InvalidArgumentError(
            f"the search term {name} cannot be {value!r}; pass text that is not empty, or leave it "
            "out"
        )
    return texts


def _quoted(text: str, plain: re.Pattern[str]) -> str:
    if plain.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

"""Content search: its query language, what each term means, and how it is quoted.

Whether a value names anything is for the server to say: it leaves out a filter whose value it does
not understand, answers with more content than was meant, and tells so in a warning, which is logged
and stands in `Page.warnings`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal, TypedDict, Unpack, cast

from aconnect.errors import InvalidArgumentError

Order = Literal["asc", "desc"]
"""Whether the smallest comes first or last."""

# What cannot be taken for a quote, a separator, a negation or the name of a filter.
_WORD: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]*")
_VALUE: Final = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_.@/+-]*")

_FLAGS: Final = ("published", "locked", "bookmarked", "scheduled")
_VERSIONS: Final = ("python", "r")


class ContentTerms(TypedDict, total=False):
    """What content must be like; all of it must hold.

    Of several owners, types, tags or images one is enough; of several texts and packages all must
    be there.
    """

    text: str | Sequence[str]
    """Words or phrases in name, title or description; case is ignored, and so is whether a blank, a
    hyphen or other punctuation separates words."""
    owner: str | Sequence[str]
    """User names; `@me` is the owner of the key."""
    type: str | Sequence[str]
    """Kinds as in `ContentItem.app_mode`, such as `shiny`."""
    tag: str | Sequence[str]
    """Names of tags, or paths such as `finance/docs` where names are not unique."""
    published: bool
    """Whether there is a bundle."""
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
    """Packages with conditions as pip writes them: `flask`, `flask>=2.3,<3`, `flask~=2.3.4`."""
    image: str | Sequence[str]
    """Parts of the name of an execution image."""


def content_query(*, exclude: ContentTerms | None = None, **terms: Unpack[ContentTerms]) -> str:
    """Write a query for `Content.search`; content with anything of `exclude` is left out."""
    words = [word for name, value in terms.items() for word in _words(name, value)]
    if exclude is not None:
        words += [_not(word) for name, value in exclude.items() for word in _words(name, value)]
    return " ".join(words)


def _words(name: str, value: object) -> list[str]:
    """Write one argument as the terms that it stands for."""
    if name not in ContentTerms.__annotations__:
        known = ", ".join(sorted(ContentTerms.__annotations__))
        raise TypeError(f"content search does not know {name!r}; it knows {known}")
    if isinstance(value, bool) and name in _FLAGS:
        return [f"{name}:{str(value).lower()}"]
    if isinstance(value, bool) and name in _VERSIONS:
        return [f"is:{name}" if value else _not(f"is:{name}")]
    if name in _FLAGS:
        raise InvalidArgumentError(f"the search term {name} is True or False, not {value!r}")
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
        # Leaving it out would find everything.
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

"""Text from a server is cleaned for terminals, logs and messages."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given, strategies as st

from aconnect._core.text import clean, clean_json, decode_text, excerpt, one_line

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HOSTILE = st.text(st.sampled_from("a \t\n\r\x0b\x1b[31m]0;\x07\x7f\x85\x9b\u2028\u2029" + BIDI))


def is_control(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Zl", "Zp"} or character in BIDI


@given(st.text() | HOSTILE)
def test_no_control_characters(text: str) -> None:
    """Cleaned text has no control characters but tabs and line breaks, and is stable."""
    cleaned = clean(text)
    assert not [c for c in cleaned if is_control(c) and c not in "\t\n"]
    assert clean(cleaned) == cleaned


@given(st.text(st.characters(exclude_categories=["Cc", "Zl", "Zp"], exclude_characters=BIDI)))
def test_printable_text_is_unchanged(text: str) -> None:
    """Text without control characters is printed as it is."""
    assert clean(text) == text


def test_escape_sequences_are_removed_whole() -> None:
    """No part of an escape sequence is left as text."""
    assert clean("\x1b[31mred\x1b[0m \x1b]0;title\x07end") == "red end"


JSON = st.recursive(
    st.none() | st.integers() | st.text() | HOSTILE,
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | HOSTILE, inner),
)


@given(JSON, st.sampled_from([None, 2]))
def test_json_keeps_its_values(value: object, indent: int | None) -> None:
    """JSON is cleaned without a change of its values."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    for document in (text, text.replace("\n", "\r\n")):
        cleaned = clean_json(document)
        assert json.loads(cleaned) == value
        assert not [c for c in cleaned if is_control(c) and c not in "\t\n"]


@given(st.text() | HOSTILE)
def test_one_line(text: str) -> None:
    """A text for a log is one line for every reader of logs."""
    assert len(one_line(text).splitlines()) <= 1
    assert clean(one_line(text)) == one_line(text)


@pytest.mark.parametrize("start", range(450, 501, 5))
def test_redacted_before_it_is_cut(start: int) -> None:
    """No half of a secret stays at the end of an excerpt."""
    text = "x" * start + "the-key-of-the-user" + "y" * 100
    assert "the-k" not in excerpt(text, lambda text: text.replace("the-key-of-the-user", "***"))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")))
def test_text_of_a_file(text):
    """Text in UTF-8 is the same with and without a mark; in UTF-16 it is refused, not quoted."""
    assert decode_text(text.encode()) == decode_text(text.encode("utf-8-sig")) == text
    with pytest.raises(UnicodeError, match="it is UTF-16 text") as caught:
        decode_text(f"s3cret{text}".encode("utf-16"))
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("data", [b"\xff", b"caf\xe9", b"ab\0"])
def test_no_text(data):
    """What is not text in UTF-8 is refused."""
    with pytest.raises(UnicodeError, match="it is not UTF-8 text; save it as UTF-8"):
        decode_text(data)

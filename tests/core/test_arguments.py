"""Spellings of a GUID are one value, and text is never split into letters."""

import re
from uuid import UUID

import pytest
from hypothesis import example, given, strategies as st
from msgspec import UNSET

from aconnect._core.arguments import canonical_guid, guid_filter, is_guid, no_text
from aconnect.errors import InvalidArgumentError
from tests.ids import stable_id

SPELLINGS = st.sampled_from(
    [str.upper, str.lower, str.title, "{{{}}}".format, " {}\n".format, lambda s: s.replace("-", "")]
)
A, B = str(UUID(int=10)), str(UUID(int=11))


@given(st.uuids(), SPELLINGS, SPELLINGS)
def test_spellings(uuid, spell, again):
    """Any spelling of a UUID, and the UUID itself, becomes the text that servers write."""
    assert canonical_guid("guid", uuid) == str(uuid)
    assert canonical_guid("guid", str(uuid)) == str(uuid)
    assert canonical_guid("guid", spell(str(uuid))) == str(uuid)
    twice = again(spell(str(uuid)))
    if is_guid(twice):
        assert canonical_guid("guid", twice) == str(uuid)


@given(st.text() | st.integers() | st.none())
@example("my-report")
@example("deadbeef" * 3)
@example(f"{A}0")
@example(f"{A[:8]}{A[9:]}")
@example(f"{{{A}")
@example("\N{ARABIC-INDIC DIGIT ZERO}" * 32)
def test_other_values(value):
    """What is not a UUID is unchanged."""
    assert is_guid(value) or canonical_guid("guid", value) is value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (A, A),
        (A.upper(), A),
        (UUID(A), A),
        ([A, UUID(B)], [A, B]),
        ((B.upper(),), [B]),
        (f"{A.upper()}|{B}", f"{A}|{B}"),
        ([], []),
        (None, None),
        (UNSET, UNSET),
    ],
    ids=stable_id,
)
def test_filters(value, expected):
    """A filter takes one GUID or several."""
    assert guid_filter("content_guid", value) == expected


@pytest.mark.parametrize("value", ["my-report", f"{A}|x", [A, "x"], [""], 7, [None]], ids=stable_id)
def test_filters_that_match_nothing(value):
    """What is not a GUID is refused as a filter, by its name and value."""
    with pytest.raises(InvalidArgumentError, match=r"content_guid=.* is not a GUID"):
        guid_filter("content_guid", value)


def test_text_instead_of_a_list():
    """Text instead of a list is refused with what to write."""
    assert no_text("columns", ["time"]) == ["time"]
    message = "columns='time' must be a list; write ['time']"
    with pytest.raises(InvalidArgumentError, match=re.escape(message)):
        no_text("columns", "time")
    for value, kind in ((3, "int"), (None, "NoneType"), (len, "builtin_function_or_method")):
        with pytest.raises(InvalidArgumentError, match=f"another iterable, not {kind}$"):
            no_text("columns", value)

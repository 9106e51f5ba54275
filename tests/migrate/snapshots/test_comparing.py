"""Laws of comparisons, of content and of whole servers."""

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from aconnect.errors import InvalidArgumentError
from aconnect.migrate.snapshots.comparing import (
    FIELDS,
    Difference,
    compare_content,
    not_compared,
    translated,
)
from aconnect.migrate.snapshots.model import (
    BundleSnapshot,
    ContentDetails,
    PrincipalRole,
    Snapshot,
)
from aconnect.migrate.snapshots.servers import compare
from tests.migrate.snapshots.samples import (
    CHANGES,
    CONTENT,
    DETAILS,
    ME,
    TIME,
    UNCHANGED,
    contents,
    servers,
)

SERVER = Snapshot(url="https://a", taken=TIME, me=ME, content=(CONTENT,))


def test_each_field_has_a_change():
    """The changes of these tests are those of all fields that are compared."""
    assert set(CHANGES) == set(FIELDS)


@pytest.mark.parametrize("field", FIELDS)
def test_a_changed_field_is_one_difference(field):
    """A change of one field is one difference, which names it, and one row of a server."""
    changed = CHANGES[field](CONTENT)
    assert [one.field for one in compare_content(CONTENT, changed)] == [field]
    assert compare_content(CONTENT, changed, fields=set(FIELDS) - {field}) == ()
    assert [one.field for one in compare_content(CONTENT, changed, fields=[field])] == [field]
    found = compare(SERVER, replace(SERVER, content=(changed,)))
    if field in {"name", "owner"}:
        # It is other content.
        assert sorted(row.sign for row in found.rows) == ["+", "-"]
    else:
        assert [row.sign for row in found.rows] == ["*"]
        assert [one.field for one in found.rows[0].differences] == [field]


@pytest.mark.parametrize("what", UNCHANGED)
def test_what_is_never_the_same_is_not_compared(what):
    """Ids, times, addresses and versions are no differences."""
    changed = UNCHANGED[what](CONTENT)
    assert changed != CONTENT
    assert compare_content(CONTENT, changed) == ()
    assert compare(SERVER, replace(SERVER, content=(changed,))).is_equal


@given(contents, contents)
def test_content_is_compared_alike_from_both_sides(one, other):
    """The differences seen from the other side are the same, reversed."""
    assert compare_content(one, one) == ()
    there, back = compare_content(one, other), compare_content(other, one)
    assert tuple(found.reversed for found in back) == there
    assert not_compared(one, other) == not_compared(other, one)
    assert all(str(found) for found in there)


@given(servers)
def test_a_server_is_like_itself(one):
    """A server compared with itself has equal rows only, if nothing was unreadable."""
    found = compare(one, one)
    assert {row.sign for row in found.rows} <= {"="}
    assert found.is_equal


@given(servers, servers)
def test_servers_are_compared_alike_from_both_sides(one, other):
    """Compared from the other side, rows have exchanged + and -, and reversed differences."""
    mirrored = {"+": "-", "-": "+"}
    there, back = compare(one, other), compare(other, one)
    assert [(row.sign, row.kind, row.name) for row in there.rows] == [
        (mirrored.get(row.sign, row.sign), row.kind, row.name) for row in back.rows
    ]
    for row, reverse in zip(there.rows, back.rows, strict=True):
        assert row.differences == tuple(found.reversed for found in reverse.differences)
        assert (row.reason is None) == (reverse.reason is None)
        assert (row.sign == "*") == bool(row.differences)
    assert sum(there.counts.values()) == len(there.rows)


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (Difference("title", None, "B"), "title is 'B' instead of unset"),
        (Difference("max_processes", 3, None), "max_processes is unset instead of 3"),
        (Difference("locked", before=True, after=False), "locked is false instead of true"),
        (Difference("tags", ("a", "b"), ("b", "c")), "tags: a missing; c in addition"),
        (Difference("variables", ("A",), ()), "variables: A missing"),
    ],
    ids=["unset", "number", "flag", "both", "fewer"],
)
def test_sentences(difference, words):
    """A difference reads as a sentence."""
    assert str(difference) == words


@pytest.mark.parametrize(
    ("one", "other", "fields", "missing"),
    [
        (BundleSnapshot(id="1", size=5), BundleSnapshot(id="2", size=5, md5="a"), [], ()),
        (BundleSnapshot(id="1", size=5), BundleSnapshot(id="2", size=6, md5="a"), ["bundle"], ()),
        (BundleSnapshot(id="1", size=0), BundleSnapshot(id="2", size=6), [], ("bundle",)),
        (BundleSnapshot(id="1", size=5), None, ["bundle"], ()),
        (None, None, [], ()),
    ],
    ids=["size", "other-size", "not-stored", "none", "neither"],
)
def test_bundles(one, other, fields, missing):
    """The active bundles are compared by checksum, else by size, else not at all."""
    left, right = (
        replace(
            CONTENT,
            details=ContentDetails(bundles=(replace(each, active=True),) if each else ()),
        )
        for each in (one, other)
    )
    assert [found.field for found in compare_content(left, right)] == fields
    assert not_compared(left, right) == missing


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ("permissions", "permissions"),
        ("variables", "variables"),
        ("bundles", "bundle"),
        ("repository", "repository"),
        ("integrations", "integrations"),
    ],
)
def test_what_is_unreadable_is_not_compared(part, field):
    """A part that a key could not read makes no difference, and its item not comparable."""
    changed = CHANGES[field](CONTENT)
    assert changed.details is not None
    unread = replace(changed, details=replace(changed.details, unreadable=(part,)))
    assert compare_content(CONTENT, unread) == ()
    rows = compare(SERVER, replace(SERVER, content=(unread,))).rows
    assert [(row.sign, row.reason) for row in rows] == [("!", f"cannot be compared: {field}")]
    titled = replace(unread, title="Other")
    rows = compare(SERVER, replace(SERVER, content=(titled,))).rows
    assert [(row.sign, row.reason) for row in rows] == [("*", f"cannot be compared: {field}")]


def test_fields_that_a_server_lacks_are_not_compared():
    """A setting that an older server does not have is no difference."""
    fields = tuple(name for name in CONTENT.settings if name != "otel_enabled")
    other = CHANGES["otel_enabled"](CONTENT)
    after = replace(SERVER, content=(other,))
    assert not compare(SERVER, after).is_equal
    assert compare(
        SERVER,
        replace(
            after,
            content_fields=(
                "locked",
                "locked_message",
                "title",
                "access_type",
                "name",
                "owner_guid",
                *fields,
            ),
        ),
    ).is_equal


def test_translated_names():
    """Content is compared under the names that its users and groups have on the other server."""
    users, groups = {"ana": "ana.silva", "eve": ""}, {"analysts": "team-analysts"}
    there = replace(
        CONTENT,
        owner="ana.silva",
        details=replace(DETAILS, permissions=(PrincipalRole("group", "team-analysts", "owner"),)),
    )
    assert translated(CONTENT, users=users, groups=groups) == there
    after = replace(SERVER, content=(there,))
    assert compare(SERVER, after, users=users, groups=groups).is_equal
    assert compare(SERVER, after).counts == {"-": 1, "+": 1}


def test_two_items_that_become_one():
    """Items whose owners are one user on the other server cannot be compared."""
    other = replace(CONTENT, owner="bob", guid="c2")
    found = compare(replace(SERVER, content=(CONTENT, other)), SERVER, users={"bob": "ana"})
    assert [row.sign for row in found.rows] == ["!"]


@given(st.sampled_from(["users", "vanity"]))
def test_unknown_kinds(kind):
    """A kind that cannot be compared is refused."""
    with pytest.raises(InvalidArgumentError, match="kinds are"):
        compare(SERVER, SERVER, kinds=[kind])

"""Who and what of one server is who and what of another: the file first, then what is unique."""

import random

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.matching import match
from aconnect.migrate.mapping.model import Mapping
from aconnect.migrate.snapshots.model import (
    EnvironmentSnapshot,
    IntegrationSnapshot,
    PrincipalRole,
)
from tests.migrate.mapping.invented import (
    DESTINATION,
    SOURCE,
    content,
    group,
    snapshot,
    snapshots,
    user,
)

CRITERIA = st.permutations(["username", "email", "external_id"]).flatmap(
    lambda order: st.integers(0, 3).map(lambda count: tuple(order[:count]))
)
WITHOUT_TARGET = {"ambiguous", "unmapped", "left out", "missing"}


def matches(source=(), destination=(), mapping=None):
    """Match the users of two servers."""
    there = snapshot(DESTINATION, users=tuple(destination))
    return match(snapshot(users=tuple(source)), there, mapping or Mapping())


def kinds(found):
    return [problem.kind for problem in found.problems]


def everything(found, source):
    """Return all matches that can be asked for."""
    items = source.content
    return [
        *(found.user(one.username) for one in source.users),
        *(found.owner(one.username) for one in source.users),
        *(found.group(one.name) for one in source.groups),
        *found.principals(items),
        *(found.integration(one) for item in items for one in item.details.integrations),
        *(found.environment(item.environment) for item in items if item.environment),
    ]


@given(
    source=snapshots(),
    destination=snapshots(DESTINATION),
    criteria=CRITERIA,
    seed=st.integers(),
)
def test_the_order_of_lists_does_not_matter(source, destination, criteria, seed):
    """Servers list in any order; who is matched with whom is the same."""

    def shuffled(one):
        def mixed(values):
            return tuple(random.Random(seed).sample(values, len(values)))

        integrations = one.integrations and dict(mixed(list(one.integrations.items())))
        return replace(
            one,
            users=mixed(one.users),
            groups=mixed(one.groups),
            environments=one.environments and mixed(one.environments),
            integrations=integrations,
        )

    mapping = Mapping(match_users=criteria)
    one = match(source, destination, mapping)
    other = match(shuffled(source), shuffled(destination), mapping)
    assert everything(one, source) == everything(other, source)


@given(source=snapshots(), destination=snapshots(DESTINATION), criteria=CRITERIA)
def test_laws_of_guesses(source, destination, criteria):
    """A guess is about unique values on both sides, and no two names get one user."""
    found = match(source, destination, Mapping(match_users=criteria))
    there = {one.guid: one for one in destination.users}
    taken: dict[str, str] = {}
    for one in source.users:
        result = found.user(one.username)
        assert (result.target_guid is None) == (result.how in WITHOUT_TARGET)
        if result.target_guid is None:
            assert kinds(result) == [f"user-{result.how}"]
            continue
        target = there[result.target_guid]
        assert result.how in criteria
        mine, theirs = getattr(one, result.how), getattr(target, result.how)
        assert mine.casefold() == theirs.casefold()
        # Nobody else has exactly this value, and nobody the same address in another case.
        fold = str.casefold if result.how == "email" else str
        for side in (source.users, destination.users):
            values = [fold(getattr(each, result.how) or "") for each in side]
            assert values.count(fold(mine)) <= 1
            assert values.count(fold(theirs)) <= 1
        assert taken.setdefault(result.target_guid, one.username) == one.username
        assert [each.username for each in source.users].count(one.username) == 1


@given(data=st.data(), source=snapshots(), destination=snapshots(DESTINATION))
def test_the_file_is_never_overridden(data, source, destination):
    """A name in the file has the match that the file says, and all others the same as without."""
    entries = {}
    for kind in ("users", "groups"):
        here, there = getattr(source, kind), getattr(destination, kind)
        left = sorted({getattr(one, "username", None) or one.name for one in here})
        right = ["", *(f"guid:{one.guid}" for one in there)]
        entries[kind] = data.draw(
            st.dictionaries(st.sampled_from(left), st.sampled_from(right)) if left else st.just({})
        )
    # A guid is a UUID on real servers, but need not be one.
    found = match(source, destination, Mapping(**entries))
    for kind, asked in (("users", found.user), ("groups", found.group)):
        for name, wanted in entries[kind].items():
            result = asked(name)
            assert result.how == ("file" if wanted else "left out")
            assert result.target_guid == (wanted.removeprefix("guid:") or None)
    guessed = match(source, destination, Mapping())
    for one in source.users:
        if one.username not in entries["users"]:
            assert found.user(one.username) == guessed.user(one.username)


def test_criteria_are_tried_in_their_order():
    """The first criterion wins; a user whom it has found is not found again by a later one."""
    here = [user("alice", "a@x"), user("bob", "b@x")]
    there = [user("alice", "b@x"), user("robert", "a@x")]
    found = matches(here, there)
    assert (found.user("alice").target, found.user("alice").how) == ("alice", "username")
    assert found.user("bob").how == "ambiguous"
    assert "matches 'alice' already" in found.user("bob").problems[0].text
    found = matches(here, there, Mapping(match_users=("email",)))
    assert [found.user(name).target for name in ("alice", "bob")] == ["robert", "alice"]


def test_doubts_are_said():
    """If a later criterion finds another one, the first counts, and the plan says so."""
    there = [user("alice", "b@x"), user("robert", "a@x"), user("eve", "e@x")]
    found = matches([user("alice", "a@x"), user("eve", "e@x")], there)
    (problem,) = found.owner("alice").problems
    assert (found.user("alice").target, problem.kind) == ("alice", "owner-doubtful")
    assert "is taken for 'alice', but has the e-mail address of 'robert'" in problem.text
    assert found.user("eve").problems == ()
    mapping = Mapping(users={"alice": "alice"})
    assert matches([user("alice", "a@x")], there, mapping).user("alice").problems == ()


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ([("a", "S@x")], [("c", "s@x"), ("d", "s@X")]),
        ([("a", "s@x"), ("b", "S@x")], [("c", "s@x")]),
    ],
    ids=["destination", "source"],
)
def test_an_address_that_two_have_matches_nobody(here, there):
    """It may be that of a team; the message names the candidates."""
    found = matches([user(*one) for one in here], [user(*one) for one in there]).user("a")
    assert (found.target_guid, found.how) == (None, "ambiguous")
    assert "2 of the" in found.problems[0].text
    for name, _ in here if len(here) > 1 else there:
        assert repr(name) in found.problems[0].text
    assert "name one in [users] of the mapping file" in found.problems[0].text


def test_case_of_names():
    """A name in another case is the same, unless somebody has exactly this one."""
    there = [user("JSMITH"), user("bob"), user("Bob")]
    found = matches([user("jsmith"), user("bob"), user("BOB")], there)
    assert found.user("jsmith").target == "JSMITH"
    assert found.user("bob").target == "bob"
    assert found.user("BOB").how == "ambiguous"


def test_a_copy_of_a_server():
    """A copy has the guids of the original; they say nothing."""
    here = [user("alice", guid="1"), user("bob", guid="2")]
    there = [user("bob", guid="1"), user("alice", guid="2")]
    found = matches(here, there)
    assert (found.user("alice").target, found.user("alice").target_guid) == ("alice", "2")


def test_accounts_that_cannot_be_used():
    """A locked or unconfirmed user is matched, and it is said."""
    there = [user("alice", locked=True), user("bob", confirmed=False)]
    found = matches([user("alice"), user("bob")], there)
    assert (found.user("alice").target, kinds(found.user("alice"))) == ("alice", ["user-locked"])
    assert kinds(found.user("bob")) == ["user-unconfirmed"]
    assert kinds(found.owner("bob")) == ["owner-unconfirmed"]


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("viewer", ["owner-cannot-publish"]),
        ("publisher", []),
        ("administrator", []),
        (None, []),
    ],
)
def test_owners_must_be_publishers(role, expected):
    """A viewer can have permissions, and own nothing; not even as the fallback."""
    found = matches([user("a")], [user("a", role=role)], Mapping(owner_fallback="a"))
    assert kinds(found.user("a")) == []
    assert kinds(found.owner("a")) == expected
    assert (found.fallback.target, found.fallback.how) == ("a", "fallback")
    assert kinds(found.fallback) == expected


def test_owners_without_a_match():
    """Nothing is given to the fallback here; leaving an owner out is no answer either."""
    mapping = Mapping(users={"a": ""}, owner_fallback="svc")
    found = matches([user("a"), user("b")], [user("svc")], mapping)
    assert (found.user("a").how, kinds(found.user("a"))) == ("left out", [])
    assert (found.owner("a").how, kinds(found.owner("a"))) == ("left out", ["owner-unmapped"])
    assert (found.owner("b").how, kinds(found.owner("b"))) == ("unmapped", ["owner-unmapped"])
    assert matches().fallback is None


def test_principals_of_content():
    """Each owner, user and group of content is there once, with what its part requires."""
    items = [
        content("a", permissions=(PrincipalRole("user", "b", "viewer"),)),
        content("a", permissions=(PrincipalRole("group", "g", "owner"),)),
        content("gone"),
    ]
    here = snapshot(users=(user("a"), user("b"), user("c")), groups=(group("g"), group("h")))
    there = [user("a", role="viewer"), user("b", role="viewer")]
    found = match(here, snapshot(DESTINATION, users=tuple(there)), Mapping()).principals(items)
    assert [(one.kind, one.source, kinds(one)) for one in found] == [
        ("group", "g", ["group-unmapped"]),
        ("user", "a", ["owner-cannot-publish"]),
        ("user", "b", []),
        ("user", "gone", ["owner-unmapped"]),
    ]
    assert "does not list this user" in found[-1].problems[0].text


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        (
            Mapping(users={"alcie": "alice"}),
            f"[users] {SOURCE} has no user 'alcie'; did you mean 'alice'?",
        ),
        (Mapping(users={"Alice": "alice"}), "did you mean 'alice'?"),
        (Mapping(users={"alice": "alicia"}), f"[users] {DESTINATION} has no user 'alicia'"),
        (Mapping(users={"alice": "guid:1"}), "has no user 'guid:1'"),
        (Mapping(users={"alice": "twice"}), "2 users 'twice'; name one by its guid: guid:t1"),
        (Mapping(groups={"g": "g"}), f"[groups] {SOURCE} has no group 'g'; it has none"),
        (Mapping(owner_fallback="svc"), f"[owners] {DESTINATION} has no user 'svc'"),
        (Mapping(integrations={"d": ""}), f"[integrations] {SOURCE} has no integration 'd'"),
        (Mapping(environments={"i": "j"}), f"[environments] {DESTINATION} has no environment"),
    ],
)
def test_names_that_do_not_exist(mapping, words):
    """A name of the file that a server lacks is refused, with those that are like it."""
    here = snapshot(users=(user("alice"),), integrations={}, environments=())
    there = snapshot(
        DESTINATION,
        users=(user("alice"), user("twice", guid="t1"), user("twice", guid="t2")),
        integrations={},
        environments=(),
    )
    with pytest.raises(InvalidArgumentError) as caught:
        match(here, there, mapping)
    assert words in str(caught.value)


def test_all_wrong_names_are_reported():
    """One message names everything that has to be corrected."""
    mapping = Mapping(users={"x1": "y1", "x2": ""}, owner_fallback="y2")
    with pytest.raises(InvalidArgumentError) as caught:
        matches([user("a")], [user("a")], mapping)
    assert all(repr(name) in str(caught.value) for name in ("x1", "x2", "y1", "y2"))


def test_many_wrong_names():
    """A file for other servers is refused soon: only the first names are compared with all."""
    mapping = Mapping(users={f"alice{number}": "" for number in range(60)})
    with pytest.raises(InvalidArgumentError) as caught:
        matches([user("alice")], [], mapping)
    assert all(repr(name) in str(caught.value) for name in mapping.users)
    assert str(caught.value).count("did you mean 'alice'?") == 20


DATABRICKS = IntegrationSnapshot("databricks", "Viewer", "Prod")


@pytest.mark.parametrize(
    ("there", "mapping", "expected"),
    [
        ({"1": DATABRICKS}, {}, ("1", "name")),
        ({"1": IntegrationSnapshot("azure", "Viewer", "Prod")}, {}, (None, "missing")),
        ({"1": DATABRICKS, "2": DATABRICKS}, {}, (None, "ambiguous")),
        ({"1": DATABRICKS}, {"Prod": ""}, (None, "left out")),
        ({"1": DATABRICKS, "2": DATABRICKS}, {"Prod": "guid:2"}, ("2", "file")),
        (
            {"1": replace(DATABRICKS, name="P"), "2": IntegrationSnapshot("azure", "Viewer", "P")},
            {"Prod": "P"},
            ("1", "file"),
        ),
        (None, {}, (None, "missing")),
        (None, {"Prod": "P"}, (None, "missing")),
    ],
)
def test_integrations(there, mapping, expected):
    """Template, type and name identify an integration; the file names others."""
    here = snapshot(integrations={"s": DATABRICKS})
    there = snapshot(DESTINATION, integrations=there)
    found = match(here, there, Mapping(integrations=mapping)).integration(DATABRICKS)
    assert (found.target_guid, found.how) == expected
    is_problem = found.how in {"missing", "ambiguous"}
    assert kinds(found) == ([f"integration-{found.how}"] if is_problem else [])


@pytest.mark.parametrize("name", ["r:4.3", "R 4.3"])
@pytest.mark.parametrize(
    ("there", "mapping", "expected"),
    [
        ([("1", "r:4.3", "Other"), ("2", "other", "R 4.3")], {}, ("1", "image")),
        ([("2", "other", "R 4.3")], {}, ("2", "title")),
        ([("1", "a", "R 4.3"), ("2", "b", "R 4.3")], {}, (None, "ambiguous")),
        ([("1", "r:4.3", None), ("2", "r:4.4", None)], {"r:4.3": "r:4.4"}, ("2", "file")),
        ([("1", "r:4.3", None), ("2", "r:4.4", "R 4.4")], {"R 4.3": "R 4.4"}, ("2", "file")),
        ([("1", "r:4.3", None)], {"R 4.3": ""}, (None, "left out")),
        ([], {}, (None, "missing")),
        (None, {}, (None, "missing")),
    ],
)
def test_environments(name, there, mapping, expected):
    """The image identifies an environment, and its title only if no image does."""
    here = snapshot(environments=(EnvironmentSnapshot(guid="e", name="r:4.3", title="R 4.3"),))
    if there is not None:
        there = tuple(EnvironmentSnapshot(guid=a, name=b, title=c) for a, b, c in there)
    there = snapshot(DESTINATION, environments=there)
    found = match(here, there, Mapping(environments=mapping)).environment(name)
    assert (found.target_guid, found.how) == expected
    is_problem = found.how in {"missing", "ambiguous"}
    assert kinds(found) == ([f"environment-{found.how}"] if is_problem else [])

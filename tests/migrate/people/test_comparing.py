"""The laws of the comparison, on a model of a server."""

from itertools import count

import msgspec
import pytest
from hypothesis import given, strategies as st

from aconnect.errors import InvalidArgumentError
from aconnect.migrate.people import Change, DescribedEnvironment, DescribedGroup, DescribedUser
from aconnect.migrate.people.environments import compare_environments
from aconnect.migrate.people.groups import compare_groups
from aconnect.migrate.people.model import ROLES
from aconnect.migrate.people.provider import Provider
from aconnect.migrate.people.reading import ReadEnvironment
from aconnect.migrate.people.users import compare_users
from aconnect.migrate.snapshots.model import GroupSnapshot, UserSnapshot

NAMES = [*"abcde", "A"]
ME = "guid-of-a"
PASSWORDS = Provider(has_passwords=True)
LDAP = Provider(
    name="LDAP",
    users_by_ticket=True,
    manages_members=True,
    manages_owners=True,
    managed_fields=frozenset({"email"}),
)

names = st.sampled_from(NAMES)
emails = st.sampled_from(["a@x", "A@X", "b@x", None])
roles = st.sampled_from([*ROLES, None])


@st.composite
def present_users(draw):
    """Users of a server; the owner of the key is one of them, whatever the role."""
    chosen = {"a", *draw(st.sets(names))}
    return [
        UserSnapshot(
            guid=f"guid-of-{name}",
            username=name,
            email=draw(emails),
            role=draw(st.sampled_from(ROLES)),
            locked=draw(st.booleans()) if name != "a" else False,
        )
        for name in sorted(chosen)
    ]


described_users = st.lists(
    st.builds(
        DescribedUser,
        username=names,
        email=emails,
        role=roles,
        locked=st.sampled_from([True, False, None]),
    ),
    unique_by=lambda user: user.username,
)


def changed_users(users, changes):
    """The users after the changes that are due."""
    found = {user.username: user for user in users}
    for change in changes:
        if not change.is_due:
            continue
        match change.kind:
            case "create-user":
                assert change.name not in found
                found[change.name] = UserSnapshot(
                    guid=f"guid-of-{change.name}",
                    username=change.name,
                    email=change.after.get("email"),
                    role=change.after.get("user_role", "viewer"),
                )
            case "update-user":
                fields = {"role" if k == "user_role" else k: v for k, v in change.after.items()}
                found[change.name] = msgspec.structs.replace(found[change.name], **fields)
            case "lock-user" | "unlock-user":
                locked = change.kind == "lock-user"
                assert found[change.name].locked is not locked
                found[change.name] = msgspec.structs.replace(found[change.name], locked=locked)
            case kind:
                pytest.fail(kind)
    return list(found.values())


def administrators(users):
    return {user.username for user in users if user.role == "administrator" and not user.locked}


@given(present_users(), described_users, st.booleans(), st.sampled_from([PASSWORDS, LDAP]))
def test_users(users, wanted, lock_missing, provider):
    """The changes bring users to what is described, except for what is marked; then none is due."""
    options = {"me": ME, "provider": provider, "lock_missing": lock_missing}
    changes = compare_users(wanted, users, **options)
    after = changed_users(users, changes)
    assert not [change for change in compare_users(wanted, after, **options) if change.is_due]
    refused = {change.name for change in changes if change.obstacle}
    now = {user.username: user for user in after}
    for user in wanted:
        if user.username not in refused:
            found = now[user.username]
            assert user.role in {None, found.role}
            assert user.locked in {None, found.locked}
            assert user.email is None or user.email.casefold() == found.email.casefold()


@given(present_users(), described_users, st.booleans())
def test_what_is_never_done_to_users(users, wanted, lock_missing):
    """Who is not described stays; the key keeps its owner, and the server an administrator."""
    changes = compare_users(wanted, users, me=ME, provider=PASSWORDS, lock_missing=lock_missing)
    described = {user.username for user in wanted}
    now = {user.username: user for user in changed_users(users, changes)}
    for user in users:
        after = now[user.username]
        if user.username not in described and not lock_missing:
            assert after == user
        if user.guid == ME:
            assert not after.locked
            assert ROLES.index(after.role) <= ROLES.index(user.role)
    assert administrators(now.values()) or not administrators(users)


@given(present_users(), described_users, st.randoms())
def test_order_of_rows(users, wanted, random):
    """The order of the rows, and of the server's lists, does not matter."""
    changes = compare_users(wanted, users, me=ME, provider=PASSWORDS, lock_missing=True)
    random.shuffle(wanted)
    random.shuffle(users)
    assert compare_users(wanted, users, me=ME, provider=PASSWORDS, lock_missing=True) == changes
    # A later process can apply them.
    assert msgspec.json.decode(msgspec.json.encode(changes), type=list[Change]) == changes


group_names = st.sampled_from("xyz")
members = st.sets(st.sampled_from("abcd"))
present_groups = st.lists(
    st.builds(
        lambda name, owner, members: GroupSnapshot(
            guid=f"guid-of-{name}", name=name, owner=owner, members=tuple(sorted(members))
        ),
        group_names,
        st.sampled_from(["a", "b", None]),
        members,
    ),
    unique_by=lambda group: group.name,
)
described_groups = st.lists(
    st.builds(
        DescribedGroup,
        name=group_names,
        owner=st.sampled_from(["a", "b", "z", None]),
        members=st.one_of(st.none(), members.map(frozenset)),
    ),
    unique_by=lambda group: group.name,
)
NO_GROUP = GroupSnapshot(guid="", name="", members=())
USERS = [UserSnapshot(guid=f"guid-of-{name}", username=name) for name in "abc"]


def changed_groups(groups, changes):
    """The groups after the changes that are due."""
    found = {group.name: group for group in groups}
    for change in changes:
        if not change.is_due:
            continue
        group = found.get(change.name, NO_GROUP)
        match change.kind:
            case "create-group":
                assert group is NO_GROUP
                found[change.name] = GroupSnapshot(
                    guid=f"guid-of-{change.name}", name=change.name, owner="a", members=()
                )
            case "delete-group":
                del found[change.name]
            case "change-owner":
                found[change.name] = msgspec.structs.replace(group, owner=change.member)
            case "add-member" | "remove-member":
                assert change.kind == "remove-member" or change.member in "abc"
                now = {*group.members} ^ {change.member}
                found[change.name] = msgspec.structs.replace(group, members=tuple(sorted(now)))
            case kind:
                pytest.fail(kind)
    return list(found.values())


@given(present_groups, described_groups, st.booleans(), st.booleans(), st.randoms())
def test_groups(groups, wanted, remove, delete, random):
    """The changes bring groups to what is described; nothing is taken away without an option."""
    options = {"remove_members": remove, "delete_groups": delete}
    more = {"users": USERS, "me": ME, "provider": PASSWORDS, **options}
    changes = compare_groups(wanted, groups, **more)
    after = changed_groups(groups, changes)
    assert not [change for change in compare_groups(wanted, after, **more) if change.is_due]
    now = {group.name: group for group in after}
    for group in groups:
        if not delete:
            assert group.name in now
        if not remove and group.name in now:
            assert {*group.members} <= {*now[group.name].members}
    for group in wanted:
        found = now[group.name]
        if group.members is not None:
            assert group.members & {*"abc"} <= {*found.members}
            assert not remove or {*found.members} <= group.members
        assert group.owner in {None, "z", found.owner}
    random.shuffle(wanted)
    random.shuffle(groups)
    assert compare_groups(wanted, groups, **more) == changes


def lines(changes):
    return [str(change) for change in changes]


def test_texts_of_users():
    """Each change is one line with its sign; what cannot be made says why."""
    users = [
        UserSnapshot(guid=ME, username="a", role="administrator"),
        UserSnapshot(guid="1", username="bob", email="b@x", role="publisher", external_id="i"),
        UserSnapshot(guid="2", username="eve", role="viewer", locked=True),
        UserSnapshot(guid="3", username="zoe", role="viewer"),
        UserSnapshot(guid="4", username="ann", role="viewer", external_id="i"),
    ]
    wanted = [
        DescribedUser(username="a", role="viewer", first_name="Me"),
        DescribedUser(username="bob", email="new@x", role="viewer"),
        DescribedUser(username="eve", locked=False),
        DescribedUser(username="new", email="B@x", role="viewer", locked=True),
        DescribedUser(username="Zoe"),
        DescribedUser(username="ann", external_id="j"),
    ]
    assert lines(compare_users(wanted, users, me=ME, provider=PASSWORDS)) == [
        "! user Zoe: there is a user zoe; write the name like this",
        "+ user new (viewer, B@x); user bob has the same e-mail address",
        "~ user a: first name none -> Me",
        "! user a: role administrator -> viewer: it is the owner of the key",
        "! user ann: it has the external id i, so it is somebody else",
        "~ user bob: e-mail b@x -> new@x, role publisher -> viewer",
        "~ user eve: unlock",
        "- user new: lock",
        "- user zoe: lock",
    ]


def test_whom_an_unclear_description_may_mean():
    """Who may be described under a name that is refused is neither changed, locked nor deleted."""
    users = [
        UserSnapshot(guid="u1", username="alice", email="a@example.com", role="publisher"),
        UserSnapshot(guid="u2", username="bob", email="b@example.com", role="publisher"),
        UserSnapshot(guid="u3", username="carl", role="publisher"),
    ]
    wanted = [
        DescribedUser(username="Alice"),
        DescribedUser(username="robert", email="B@example.com", obstacle="two have this address"),
        DescribedUser(username="carl", role="administrator", obstacle="it is somebody else"),
    ]
    changes = compare_users(wanted, users, me=ME, provider=PASSWORDS, lock_missing=True)
    assert not [change for change in changes if change.is_due]
    assert {(change.kind, change.name) for change in changes} == {
        ("create-user", "Alice"),
        ("create-user", "robert"),
        ("update-user", "carl"),
        ("lock-user", "alice"),
        ("lock-user", "bob"),
    }
    groups = [GroupSnapshot(guid=f"g-{name}", name=name, members=()) for name in ("one", "two")]
    described = [
        DescribedGroup(name="One", members=frozenset()),
        DescribedGroup(name="two", members=frozenset({"bob"}), obstacle="two have this name"),
    ]
    found = compare_groups(
        described, groups, users, me=ME, provider=PASSWORDS, delete_groups=True, remove_members=True
    )
    assert not [change for change in found if change.is_due]


def test_last_administrator():
    """The last administrator stays one, also if the key belongs to somebody else."""
    users = [
        UserSnapshot(guid=name, username=name, role="administrator", locked=name == "c")
        for name in "abc"
    ]
    wanted = [DescribedUser(username=name, role="viewer") for name in "abc"]
    assert lines(compare_users(wanted, users, me="other", provider=PASSWORDS)) == [
        "~ user a: role administrator -> viewer",
        "! user b: role administrator -> viewer: it is the last administrator",
        "~ user c: role administrator -> viewer",
    ]


def test_provider():
    """What the authentication provider manages is marked, and the rest is done."""
    users = [UserSnapshot(guid="1", username="bob", email="b@x", role="viewer")]
    wanted = [DescribedUser(username="bob", email="c@x", role="publisher")]
    assert lines(compare_users(wanted, users, me=ME, provider=LDAP)) == [
        "~ user bob: role viewer -> publisher",
        "! user bob: e-mail b@x -> c@x: LDAP manages it",
    ]
    group = DescribedGroup(name="x", owner="bob", members=frozenset({"bob"}))
    assert lines(compare_groups([group], [], users, me=ME, provider=LDAP)) == [
        "+ group x",
        "! group x: member bob: LDAP manages the members",
        "! group x: owner none -> bob: LDAP manages it",
    ]
    no_groups = Provider(has_groups=False)
    assert lines(compare_groups([group], [], users, me=ME, provider=no_groups)) == [
        "! group x: groups are switched off on the server"
    ]


def test_roles_of_a_directory():
    """A role that the provider manages is not set after a user was created from it."""
    provider = Provider(users_by_ticket=True, managed_fields=frozenset({"user_role"}))
    wanted = [DescribedUser(username="new", role="publisher")]
    (change, *_) = compare_users(wanted, [], me=ME, provider=provider)
    assert "user_role" not in change.after


def test_environments():
    """Missing environments are created, unless all could use what only some may."""
    number = count()

    def environment(name, *principals, **fields):
        return DescribedEnvironment(name=name, fields=fields, principals=frozenset(principals))

    def found(*args, is_managed=False):
        return ReadEnvironment(f"e{next(number)}", environment(*args), is_managed)

    group = GroupSnapshot(guid="g", name="g")
    changes = compare_environments(
        [
            environment("there", ("user", "a"), ("group", "g")),
            environment("managed", ("user", "a")),
            environment("new", ("user", "a"), ("user", "nobody"), title="New"),
            environment("closed", ("user", "nobody")),
            environment("open"),
        ],
        [found("there", ("group", "g")), found("managed", is_managed=True), found("other")],
        USERS,
        [group],
    )
    assert lines(changes) == [
        "! environment closed: none of those who may use it exists, so all could use it",
        "+ environment new",
        "+ environment open",
        "! environment managed: user a may use it: something else than the API manages it",
        "+ environment new: user a may use it",
        "! environment new: user nobody may use it: no such user",
        "+ environment there: user a may use it",
    ]
    assert changes[1].after == {"title": "New"}


def test_described_twice():
    """What is described twice is refused."""
    with pytest.raises(InvalidArgumentError, match="the user 'a' is described twice"):
        compare_users([DescribedUser(username="a")] * 2, [], me=ME, provider=PASSWORDS)
    with pytest.raises(InvalidArgumentError, match="a described group has no name"):
        compare_groups([DescribedGroup(name="")], [], [], me=ME, provider=PASSWORDS)

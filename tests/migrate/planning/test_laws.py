"""What holds for the plan of any two servers, mapping and policies."""

import re
from random import Random
from typing import get_args

import msgspec
from hypothesis import given, strategies as st

from aconnect.migrate.mapping.matching import match
from aconnect.migrate.mapping.model import Mapping
from aconnect.migrate.planning import model
from aconnect.migrate.planning.making import make_plan
from aconnect.migrate.planning.model import Options, Plan
from aconnect.migrate.snapshots.comparing import compare_content
from aconnect.migrate.snapshots.model import (
    BundleSnapshot,
    ContentDetails,
    GroupSnapshot,
    IntegrationSnapshot,
    ManifestSnapshot,
)
from tests.migrate.planning.samples import (
    NOW,
    PLAN_ID,
    content,
    environment,
    git,
    inputs,
    role,
    snapshot,
    user,
)

NAMES = ["sales", "sales-2", "sales.eu", "x" * 64]
USERS = ["admin", "alice", "bob", "vera", "carl"]
GROUPS = ["analysts", "team"]
ROLES = ["viewer", *["publisher"] * 3, *["administrator"] * 6]
VANITIES = [None, None, "/a/", "/a/b/", "/a/b/c/", "/ab/", "/b/"]
INTEGRATIONS = [IntegrationSnapshot("github", "Viewer", name) for name in ("one", "two")]
POLICIES = {
    "name_taken": model.NameTaken,
    "vanity_taken": model.VanityTaken,
    "principal_unmapped": model.PrincipalUnmapped,
    "missing": model.Missing,
    "value_missing": model.ValueMissing,
    "locked": model.Locked,
}
RESOLVING = {
    "name_taken": "rename",
    "vanity_taken": "without",
    "principal_unmapped": "fallback",
    "missing": "without",
    "value_missing": "unset",
}
STATED = {
    "owner-cannot-publish",
    "owner-locked",
    "not-administrator",
    "not-collaborator",
    "not-publisher",
    "grant",
    "kind-differs",
    "origin-differs",
    "existing-locked",
    "tags-missing",
}
"""What no policy resolves: rights, and content that is something else."""


def some(random, values, most):
    """Return some of the values, in order, without duplicates."""
    return tuple(sorted(random.sample(values, random.randint(0, min(most, len(values))))))


def some_of_them(random, policies):
    """Return most of the policies: those that resolve leave more to run."""
    return {name: value for name, value in policies.items() if random.random() < 0.7}


def some_details(random):
    bundles = tuple(
        BundleSnapshot(id=number, size=random.choice([0, *[100] * 9]), active=number == "1")
        for number in ["1", *some(random, ["2", "3"], 2)]
    )
    principals = [("user", name) for name in USERS] + [("group", name) for name in GROUPS]
    return ContentDetails(
        permissions=tuple(
            role(name, random.choice(["viewer", "owner"]), kind)
            for kind, name in some(random, principals, 4)
        ),
        variables=some(random, ["API_URL", "TOKEN"], 2),
        bundles=bundles,
        repository=git() if random.random() < 0.1 else None,
        integrations=some(random, INTEGRATIONS, 2),
        manifest=random.choice([None, ManifestSnapshot(r="4.3.3", image="i")]),
        unreadable=random.choice([*[()] * 19, ("permissions",)]),
    )


def some_content(random, prefix):
    keys = some(random, [(owner, name) for owner in USERS for name in NAMES], 6)
    paths = random.sample(VANITIES, len(VANITIES))
    return tuple(
        content(
            name,
            owner,
            guid=f"{prefix}{random.getrandbits(64):x}",
            has=some_details(random),
            access_type=random.choice(["acl", "logged_in", "all"]),
            app_mode=random.choice([*["shiny"] * 9, "static"]),
            app_role=random.choice([*["owner"] * 9, "editor", "viewer", None]),
            vanity=paths.pop(),
            locked=random.random() < 0.1,
            bundle_id=random.choice([None, *["1"] * 9]),
            settings=random.choice([{}, {"run_as": "me", "cpu_limit": 1.5}]),
            environment=random.choice([None, None, "image"]),
            tags=random.choice([(), (("Team", "Red"),), (("Team", "Blue"),)]),
            versions=random.choice([{}, {"python": "3.9.1"}]),
        )
        for owner, name in keys
    )


def some_server(random, side, items):
    users = [
        user(
            name,
            random.choice(ROLES),
            prefix,
            email=random.choice([None, "a@example", "b@example"]),
            locked=random.random() < 0.1,
        )
        for name in USERS
        for prefix in some(random, [f"{side}-1-", f"{side}-2-"], random.choice([1, 1, 1, 2]))
    ]
    users.insert(0, user("root", "administrator", f"{side}-"))
    vanities = {one.vanity: one.guid for one in items if one.vanity is not None}
    hidden = random.choice([{}, {"/b/": "hidden"}, {"/a/b/": "hidden"}])
    return snapshot(
        side,
        version=random.choice([None, "2026.06.0", "2025.05.0", "2023.09.0"]),
        me=random.choice([users[0], users[0], *users]),
        users=tuple(users),
        groups=tuple(
            GroupSnapshot(guid=f"{side}-{name}", name=name) for name in some(random, GROUPS, 2)
        ),
        vanities=random.choice([None, hidden | vanities]),
        is_off_host=random.random() < 0.5,
        environments=random.choice([None, (), (environment("image"),)]),
        integrations=random.choice([None, {}, {f"{side}-one": INTEGRATIONS[0]}]),
        content=items,
    )


def some_inputs(seed, policies):
    random = Random(seed)
    items, there = some_content(random, ""), some_content(random, "there-")
    old = some_server(random, "source", items)
    destination = some_server(random, "destination", there)
    names = [one.username for one in destination.users]
    unique = [name for name in names if names.count(name) == 1]
    listed = sorted({one.username for one in old.users})
    number = min(len(items), len(there), random.randint(0, 2))
    mapping = Mapping(
        users={name: random.choice([*unique, ""]) for name in some(random, listed, 2)},
        owner_fallback=random.choice([None, *unique]),
        content=dict(
            zip(
                random.sample([one.guid for one in items], number),
                random.sample([one.guid for one in there], number),
                strict=True,
            )
        ),
    )
    any_policies = {name: random.choice(get_args(values)) for name, values in POLICIES.items()}
    chosen = policies or (any_policies | some_of_them(random, RESOLVING))
    options = Options(
        bundles=random.choice(["active", "all"]),
        run_as=random.random() < 0.5,
        grant_self=random.random() < 0.5,
    )
    return inputs(
        *items, source=old, destination=destination, mapping=mapping, options=options, **chosen
    )


def any_inputs(**policies):
    """Return a strategy of two servers, a mapping and policies; each seed gives the same ones.

    Drawing each value would be slow: there are hundreds.
    """
    return st.integers(0, 2**32).map(lambda seed: some_inputs(seed, policies))


def plan_of(one) -> Plan:
    return make_plan(one, plan_id=PLAN_ID, now=NOW)


def runnable(plan):
    return [item for item in plan.items if item.is_runnable]


@given(any_inputs())
def test_no_two_items_get_the_same_name(one):
    """No name of an owner is given twice, or to new content if the destination has it."""
    plan = plan_of(one)
    there = {(other.owner, other.name): other.guid for other in one.destination.content}
    names = [(item.target.owner, item.target.name) for item in runnable(plan)]
    assert len(names) == len(set(names))
    for item in runnable(plan):
        holder = there.get((item.target.owner, item.target.name))
        assert holder is None or holder == item.target.guid
        assert 3 <= len(item.target.name) <= 64


@given(any_inputs())
def test_no_two_items_get_the_same_vanity_path(one):
    """Vanity paths are given once, are free, and are not above or below one another."""
    plan = plan_of(one)
    held = {other.vanity: other.guid for other in one.destination.content if other.vanity}
    held |= one.destination.vanities or {}
    given = [item for item in runnable(plan) if item.target.vanity]
    for item in given:
        for path, holder in held.items():
            if path.startswith(item.target.vanity) or item.target.vanity.startswith(path):
                if holder == item.target.guid:
                    continue
                assert one.options.policies.vanity_taken == "take"
                assert (path, holder) == (item.target.vanity, item.takes_vanity_of)
    paths = [item.target.vanity for item in given]
    for index, path in enumerate(paths):
        others = paths[:index] + paths[index + 1 :]
        assert not any(other.startswith(path) or path.startswith(other) for other in others)


@given(any_inputs())
def test_staging_names(one):
    """Staging names are valid and unique, and numbers count from 1."""
    plan = plan_of(one)
    names = [item.staging_name for item in plan.items]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{3,64}", name) for name in names)
    assert [item.number for item in plan.items] == list(range(1, len(names) + 1))


@given(any_inputs())
def test_nothing_is_wider_than_on_the_source(one):
    """Access types are those of the source; so are permissions, and the owner has none."""
    matches = match(one.source, one.destination, one.mapping)
    for item in runnable(plan_of(one)):
        assert item.target.access_type == item.source.access_type
        allowed = set()
        for each in item.source.details.permissions:
            found = matches.user if each.kind == "user" else matches.group
            name = found(each.name).target
            allowed |= {role(name, each.role, each.kind)} if name else set()
        assert set(item.target.details.permissions) <= allowed
        assert item.target.owner not in {
            each.name for each in item.target.details.permissions if each.kind == "user"
        }
        principals = [(each.kind, each.name) for each in item.target.details.permissions]
        assert len(principals) == len(set(principals))
        unasked = {"run_as"} if not one.options.run_as else set()
        assert not unasked & item.target.settings.keys()


@given(any_inputs())
def test_nobody_who_is_ambiguous_gets_anything(one):
    """The owner and all principals of an item that is run are known, and exist once."""
    plan = plan_of(one)
    for each in plan.principals:
        assert each.how != "ambiguous" or each.target is None
    known = {(each.kind, each.target): each.target_guid for each in plan.principals if each.target}
    users = {each.guid: each.username for each in one.destination.users}
    for item in runnable(plan):
        assert users[item.owner_guid] == item.target.owner
        for each in item.target.details.permissions:
            assert (each.kind, each.name) in known


@given(any_inputs(**RESOLVING))
def test_policies_resolve_conflicts(one):
    """With the policies that resolve, only rights and the kind of content are in conflict."""
    plan = plan_of(one)
    for item in plan.items:
        kinds = {found.kind for found in item.findings if found.sign in {"!", "?"}}
        if one.mapping.owner_fallback is None:
            kinds -= {"owner-unmapped", "owner-ambiguous"}
        assert kinds <= STATED
    assert {found.kind for found in plan.findings if found.sign == "!"} <= STATED


@given(any_inputs(), st.randoms(use_true_random=False))
def test_the_order_of_a_list_decides_nothing(one, random):
    """Planning again, also of the same content in another order, gives the same plan."""
    plan = plan_of(one)
    assert plan_of(one) == plan
    shuffled = list(one.source.content)
    random.shuffle(shuffled)
    there = list(one.destination.content)
    random.shuffle(there)
    again = msgspec.structs.replace(
        one,
        source=msgspec.structs.replace(one.source, content=tuple(shuffled)),
        destination=msgspec.structs.replace(one.destination, content=tuple(there)),
    )
    assert plan_of(again) == plan


@given(any_inputs())
def test_a_plan_survives_json(one):
    """A plan is the same after it was written and read."""
    plan = plan_of(one)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


@given(any_inputs(), st.data())
def test_items_that_are_planned_again_keep_their_numbers(one, data):
    """Whatever has changed, other items stay as they are, and no name is given twice."""
    plan = plan_of(one)
    guids = [item.source.guid for item in plan.items]
    changed = data.draw(st.sets(st.sampled_from(guids)) if guids else st.just(set()))
    deleted = data.draw(st.sets(st.sampled_from(sorted(changed))) if changed else st.just(set()))
    now = [
        msgspec.structs.replace(
            each,
            name=data.draw(st.sampled_from(NAMES)),
            vanity=data.draw(st.sampled_from(VANITIES)),
        )
        for each in one.source.content
        if each.guid in changed - deleted
    ]
    fresh = plan_of(
        msgspec.structs.replace(
            one,
            source=msgspec.structs.replace(one.source, content=tuple(now)),
            kept=tuple(item for item in plan.items if item.source.guid not in changed),
            changed=tuple(item for item in plan.items if item.source.guid in changed),
            principals=plan.principals,
        )
    )
    assert [item.source.guid for item in fresh.items] == guids
    names = [(item.target.owner, item.target.name) for item in runnable(fresh)]
    assert len(names) == len(set(names))
    paths = [item.target.vanity for item in runnable(fresh) if item.target.vanity]
    assert len(paths) == len(set(paths))
    for before, after in zip(plan.items, fresh.items, strict=True):
        assert (after.number, after.staging_name) == (before.number, before.staging_name)
        if before.source.guid not in changed:
            assert after == before
        elif before.source.guid in deleted:
            assert after.sign == "x"


@given(any_inputs(**RESOLVING))
def test_an_update_that_was_made_leaves_nothing_to_do(one):
    """Existing content that is as planned gets `=`, unless something new is in conflict."""
    plan = plan_of(one)
    updated = {item.target.guid: item.target for item in runnable(plan) if item.target.guid}
    there = [
        msgspec.structs.replace(updated.get(each.guid, each), app_role="owner", locked=False)
        for each in one.destination.content
    ]
    vanities = {each.vanity: each.guid for each in there if each.vanity is not None}
    again = plan_of(
        msgspec.structs.replace(
            one,
            destination=msgspec.structs.replace(
                one.destination, content=tuple(there), vanities=vanities
            ),
        )
    )
    for item in again.items:
        if item.target.guid in updated and item.sign == "~":
            existing = next(each for each in there if each.guid == item.target.guid)
            fields = {each.field for each in compare_content(item.target, existing)}
            assert fields & {"locked", "vanity"}, fields

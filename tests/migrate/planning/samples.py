"""Two small servers as snapshots, and plans made of them."""

from datetime import UTC, datetime

import msgspec

from aconnect.migrate.mapping.model import Mapping
from aconnect.migrate.mapping.values import Values
from aconnect.migrate.planning.making import Inputs, make_plan
from aconnect.migrate.planning.model import Options, Policies
from aconnect.migrate.snapshots.describing import WRITABLE
from aconnect.migrate.snapshots.model import (
    BundleSnapshot,
    ContentDetails,
    ContentSnapshot,
    EnvironmentSnapshot,
    GroupSnapshot,
    ManifestSnapshot,
    PrincipalRole,
    RepositorySnapshot,
    Runtimes,
    Snapshot,
    UserSnapshot,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
PLAN_ID = "abcd2345"
FIELDS = tuple(sorted(WRITABLE))
RUNTIMES = Runtimes(r=("4.4.2",), python=("3.11.10", "3.12.7"), quarto=("1.5.57",), nodejs=())


def user(name, role="publisher", prefix="", **fields):
    return UserSnapshot(guid=f"{prefix}{name}-guid", username=name, role=role, **fields)


def details(**fields):
    bundles = (BundleSnapshot(id="1", size=100, md5="ab", active=True),)
    return ContentDetails(**{"bundles": bundles, "manifest": ManifestSnapshot(), **fields})


def content(name="sales", owner="alice", *, has=None, **fields):
    """Return content of the source that can be migrated as it is."""
    fields = {
        "guid": f"guid-of-{owner}-{name}",
        "app_mode": "python-shiny",
        "access_type": "acl",
        "bundle_id": "1",
        "app_role": "owner",
        "details": details() if has is None else has,
        **fields,
    }
    return ContentSnapshot(name=name, owner=owner, **fields)


def existing(name="sales", owner="alice", **fields):
    """Return content of the destination."""
    return content(name, owner, **{"guid": f"there-{owner}-{name}", **fields})


def snapshot(side, **fields):
    prefix = {"source": "src-", "destination": "dst-"}[side]
    users = [user("admin", "administrator", prefix), user("alice", prefix=prefix)]
    users += [user("bob", prefix=prefix), user("vera", "viewer", prefix)]
    fields = {
        "version": "2026.06.0",
        "me": users[0],
        "content_fields": FIELDS,
        "users": tuple(users),
        "groups": (GroupSnapshot(guid=f"{prefix}analysts", name="analysts"),),
        "tags": {"1": ("Team",), "2": ("Team", "Red")},
        "vanities": {},
        "integrations": {},
        "runtimes": RUNTIMES,
        **fields,
    }
    return Snapshot(url=f"https://{side}.example", taken=NOW, **fields)


def inputs(
    *items, source=None, destination=None, mapping=None, options=None, values=None, **policies
):
    """Return what a plan of content is made of; the rest says how the two servers differ."""
    mapping = mapping or Mapping()
    options = options or Options()
    old = msgspec.structs.replace(source or snapshot("source"), content=items)
    return Inputs(
        source=old,
        destination=destination or snapshot("destination"),
        mapping=mapping,
        options=msgspec.structs.replace(options, policies=Policies(**policies)),
        values=Values(mapping, values or {}, {}),
    )


def planned(*items, **known):
    return make_plan(inputs(*items, **known), plan_id=PLAN_ID, now=NOW)


def environment(name, title=None, **versions):
    return EnvironmentSnapshot(guid=f"env-{name}", name=name, title=title, **versions)


def role(name, given="viewer", kind="user"):
    return PrincipalRole(kind, name, given)


def git(address="https://git.example/a.git", **fields):
    return RepositorySnapshot(repository=address, **fields)

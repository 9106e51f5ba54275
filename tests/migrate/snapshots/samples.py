"""Invented content and servers, and one change of each field."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from aconnect.migrate.snapshots.describing import SETTINGS
from aconnect.migrate.snapshots.model import (
    BundleSnapshot,
    ContentDetails,
    ContentSnapshot,
    EnvironmentSnapshot,
    GroupSnapshot,
    IntegrationSnapshot,
    PrincipalRole,
    RepositorySnapshot,
    Snapshot,
    UserSnapshot,
)

TIME = datetime(2026, 1, 1, tzinfo=UTC)
ME = UserSnapshot(guid="me", username="admin")

DETAILS = ContentDetails(
    permissions=(
        PrincipalRole("group", "analysts", "owner"),
        PrincipalRole("user", "eve", "viewer"),
    ),
    variables=("API_URL", "TOKEN"),
    bundles=(BundleSnapshot(id="7", size=100, md5="a" * 32, created=TIME, active=True),),
    integrations=(IntegrationSnapshot("github", "Viewer", "GitHub"),),
)
CONTENT = ContentSnapshot(
    guid="c1",
    name="sales",
    owner="ana",
    title="Sales",
    app_mode="shiny",
    access_type="acl",
    settings=dict.fromkeys(SETTINGS, 1),
    environment="R 4.4.2",
    tags=(("Department", "Finance"),),
    vanity="/sales/",
    locked=True,
    locked_message="Later",
    bundle_id="7",
    last_deployed=TIME,
    details=DETAILS,
)
"""Content that has everything."""

Change = Callable[[ContentSnapshot], ContentSnapshot]


def _with(**fields: Any) -> Change:
    return lambda content: replace(content, **fields)


def _setting(name: str) -> Change:
    return lambda content: replace(content, settings={**content.settings, name: 2})


def _detail(**fields: Any) -> Change:
    def change(content: ContentSnapshot) -> ContentSnapshot:
        assert content.details is not None
        return replace(content, details=replace(content.details, **fields))

    return change


CHANGES: dict[str, Change] = {
    "name": _with(name="other"),
    "owner": _with(owner="bob"),
    "title": _with(title=None),
    "app_mode": _with(app_mode="static"),
    "access_type": _with(access_type="all"),
    "environment": _with(environment=None),
    "vanity": _with(vanity="/other/"),
    "locked": _with(locked=False),
    "locked_message": _with(locked_message=None),
    "tags": _with(tags=(("Department", "Finance"), ("Department", "Research"))),
    **{name: _setting(name) for name in SETTINGS},
    "permissions": _detail(permissions=(PrincipalRole("user", "eve", "owner"),)),
    "variables": _detail(variables=("TOKEN",)),
    "bundle": _detail(bundles=(BundleSnapshot(id="9", size=100, md5="b" * 32, active=True),)),
    "repository": _detail(repository=RepositorySnapshot(repository="https://git.example/a")),
    "integrations": _detail(integrations=()),
}
"""One change of each field that is compared."""

DETAIL_FIELDS = ("permissions", "variables", "bundle", "repository", "integrations")

UNCHANGED: dict[str, Change] = {
    "guid": _with(guid="c2"),
    "url": _with(url="https://other/"),
    "app_role": _with(app_role="owner"),
    "time": _with(last_deployed=None),
    "versions": _with(versions={"r": "4.5.0"}),
    "bundle ids": _detail(
        bundles=(
            BundleSnapshot(id="9", size=50, md5="c" * 32),
            BundleSnapshot(id="8", size=101, md5="a" * 32, active=True),
        )
    ),
    "manifest": _detail(unreadable=("manifest",)),
}
"""Changes of what is never the same on two servers."""

_NAMES = st.sampled_from(["ana", "bob", "eve"])
_TAGS = st.lists(
    st.sampled_from([("A", "x"), ("A", "y"), ("B", "z", "w")]), unique=True, max_size=3
).map(lambda paths: tuple(sorted(paths)))


def _applied(content: ContentSnapshot, names: list[str]) -> ContentSnapshot:
    for name in names:
        if content.details is not None or name not in DETAIL_FIELDS:
            content = CHANGES[name](content)
    return content


contents = st.builds(
    _applied,
    st.builds(
        replace,
        st.just(CONTENT),
        name=st.sampled_from(["one", "two", "three", "four"]),
        owner=_NAMES,
        tags=_TAGS,
        details=st.sampled_from([DETAILS, ContentDetails(), None]),
    ),
    st.lists(st.sampled_from([name for name in CHANGES if name not in {"name", "owner"}])),
)

_users = st.builds(
    UserSnapshot,
    guid=st.uuids().map(str),
    username=_NAMES,
    email=st.sampled_from([None, "a@example.com"]),
    role=st.sampled_from(["viewer", "publisher"]),
)
_groups = st.builds(
    GroupSnapshot,
    guid=st.uuids().map(str),
    name=st.sampled_from(["analysts", "admins"]),
    owner=st.none() | _NAMES,
    members=st.none() | st.sets(_NAMES).map(lambda names: tuple(sorted(names))),
)
_environments = st.builds(
    EnvironmentSnapshot,
    guid=st.uuids().map(str),
    name=st.sampled_from(["image:1", "image:2"]),
    title=st.sampled_from([None, "R"]),
    r=st.sampled_from([(), ("4.4.2",)]),
)
_integrations = st.builds(
    IntegrationSnapshot,
    st.sampled_from(["github", "azure"]),
    st.just("Viewer"),
    st.sampled_from(["One", "Two"]),
)


def _unique(strategy: Any, key: Callable[[Any], object], most: int = 4) -> Any:
    return st.lists(strategy, unique_by=key, max_size=most).map(tuple)


servers: st.SearchStrategy[Snapshot] = st.builds(
    Snapshot,
    url=st.sampled_from(["https://a", "https://b"]),
    taken=st.just(TIME),
    me=st.just(ME),
    content_fields=st.sampled_from([(), ("name", "title", *SETTINGS[3:])]),
    users=_unique(_users, lambda one: one.username),
    groups=_unique(_groups, lambda one: one.name),
    tags=_TAGS.map(lambda paths: {str(number): path for number, path in enumerate(paths)}),
    environments=st.none() | _unique(_environments, lambda one: one.title or one.name),
    integrations=st.none() | st.dictionaries(st.uuids().map(str), _integrations, max_size=3),
    content=_unique(contents, lambda one: (one.owner, one.name)),
)

"""Snapshots of servers, written by hand or invented by hypothesis."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from aconnect.migrate.snapshots.model import (
    ContentDetails,
    ContentSnapshot,
    EnvironmentSnapshot,
    GroupSnapshot,
    IntegrationSnapshot,
    PrincipalRole,
    Snapshot,
    UserSnapshot,
)

SOURCE, DESTINATION = "https://old.example.com", "https://new.example.com"
GUID = "de2e7bdb-b085-401e-a65c-443e40009749"
OTHER = "4d1f7a20-9a9b-4b7e-8b55-0d4b9ec7f1c2"


def user(username, email=None, *, guid=None, role="publisher", **values):
    return UserSnapshot(
        guid=guid or f"{username}-guid", username=username, email=email, role=role, **values
    )


def group(name, *, guid=None, **values):
    return GroupSnapshot(guid=guid or f"{name}-guid", name=name, **values)


def snapshot(url=SOURCE, **values):
    return Snapshot(url=url, taken=datetime(2026, 1, 1, tzinfo=UTC), me=user("me"), **values)


def content(owner, *, environment=None, guid=GUID, **details):
    return ContentSnapshot(
        guid=guid,
        name="item",
        owner=owner,
        environment=environment,
        details=ContentDetails(**details),
    )


FEW: "st.SearchStrategy[str]" = st.text("aAbB", min_size=1, max_size=2)


@st.composite
def snapshots(draw, url=SOURCE, names=FEW):
    """Invent a server; by default of few letters, so that names meet, also in another case.

    The guids may be those of another server, as in a copy of it.
    """
    optional = st.none() | names
    users = tuple(
        user(
            name,
            draw(optional),
            guid=f"user-{number}",
            role=draw(st.sampled_from(["viewer", "publisher", "administrator", None])),
            external_id=draw(optional),
            first_name=draw(optional),
            locked=draw(st.booleans()),
        )
        for number, name in enumerate(draw(st.lists(names, max_size=5)))
    )
    people = st.sampled_from([one.username for one in users] or ["nobody"]) | names
    groups = tuple(
        group(name, guid=f"group-{number}", owner=draw(st.none() | people))
        for number, name in enumerate(draw(st.lists(names, max_size=4)))
    )
    kinds = st.builds(
        IntegrationSnapshot, st.sampled_from(["databricks", "azure"]), st.just("Viewer"), names
    )
    integrations = draw(
        st.none() | st.dictionaries(st.sampled_from("12345").map("i".__add__), kinds)
    )
    environments = draw(
        st.none()
        | st.lists(st.tuples(names, optional), max_size=3).map(
            lambda pairs: tuple(
                EnvironmentSnapshot(guid=f"e{number}", name=image, title=title)
                for number, (image, title) in enumerate(pairs)
            )
        )
    )
    roles = st.builds(PrincipalRole, st.just("user"), people, st.just("viewer")) | st.builds(
        PrincipalRole,
        st.just("group"),
        st.sampled_from([one.name for one in groups] or ["none"]) | names,
        st.just("owner"),
    )
    items = st.builds(
        content,
        people,
        environment=optional,
        permissions=st.lists(roles, max_size=4).map(tuple),
        variables=st.lists(names, max_size=2).map(tuple),
        integrations=st.lists(
            kinds | st.sampled_from([*(integrations or {}).values()] or [None]), max_size=2
        ).map(lambda found: tuple(filter(None, found))),
    )
    return snapshot(
        url,
        users=users,
        groups=groups,
        integrations=integrations,
        environments=environments,
        content=tuple(draw(st.lists(items, max_size=3))),
    )

"""The changes that create missing execution environments; nothing here makes a request.

Decides that an environment is not created if all could use what is only for some, and that existing
ones are not changed, except for who else may use them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from aconnect.migrate.people.model import Change, DescribedEnvironment, by_name, in_order
from aconnect.migrate.people.reading import ReadEnvironment
from aconnect.migrate.snapshots.model import GroupSnapshot, PrincipalKind, UserSnapshot


def compare_environments(
    wanted: Iterable[DescribedEnvironment],
    environments: Iterable[ReadEnvironment],
    users: Iterable[UserSnapshot],
    groups: Iterable[GroupSnapshot],
    *,
    new_users: Collection[str] = (),
    new_groups: Collection[str] = (),
) -> list[Change]:
    """Return the changes that create environments, and let those use them who are described.

    What else differs in an environment is not changed, because content may run in it.

    Args:
        wanted: The description.
        environments: All environments of the server.
        users: All users of the server.
        groups: All groups of the server.
        new_users: The usernames of users who will be created before.
        new_groups: The names of groups that will be created before.

    Raises:
        InvalidArgumentError: An environment is described twice.
    """
    known: dict[tuple[PrincipalKind, str], str] = {
        **{("user", name): "" for name in new_users},
        **{("group", name): "" for name in new_groups},
        **{("user", user.username): user.guid for user in users},
        **{("group", group.name): group.guid for group in groups},
    }
    present = {found.description.name: found for found in environments}
    changes: list[Change] = []
    for name, environment in sorted(by_name(wanted, lambda e: e.name, "environment").items()):
        found = present.get(name)
        if found is None:
            # Without any permission, all publishers could use it.
            some = environment.principals & (known.keys() - environment.unclear.keys())
            is_open = environment.principals and not some
            obstacle = "none of those who may use it exists, so all could use it" if is_open else ""
            after = environment.fields
            changes.append(
                Change(kind="create-environment", name=name, after=after, obstacle=obstacle)
            )
            if obstacle:
                continue
        old = () if found is None else found.description.principals
        for kind, member in environment.principals.difference(old):
            obstacle = (
                "something else than the API manages it" if found and found.is_managed else ""
            )
            obstacle = obstacle or environment.unclear.get((kind, member), "")
            changes.append(
                Change(
                    kind="allow-environment",
                    name=name,
                    guid="" if found is None else found.guid,
                    member=member,
                    member_guid=known.get((kind, member), ""),
                    member_kind=kind,
                    obstacle=obstacle or ("" if (kind, member) in known else f"no such {kind}"),
                )
            )
    return in_order(changes)

"""Whether a plan still fits: the servers, the keys, and what the source content is."""

from __future__ import annotations

from collections.abc import Sequence

from aconnect.connect import Client
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.planning.model import Plan, PlannedItem, ServerRef
from aconnect.migrate.snapshots.model import Snapshot
from aconnect.migrate.snapshots.reading import fingerprint, read_server


async def check_servers(plan: Plan) -> None:
    """Raise unless the clients are those of the servers and keys that the plan was made for.

    Raises:
        InvalidArgumentError: They are others.
        AconnectError: A server did not respond.
    """
    for client, ref, side in zip(
        plan.clients, (plan.source, plan.destination), ("source", "destination"), strict=True
    ):
        await _check(client, ref, side)


async def _check(client: Client, ref: ServerRef, side: str) -> None:
    if client.url != ref.url:
        raise InvalidArgumentError(
            f"the {side} of the plan is {ref.url}, and the client's server is {client.url}"
        )
    me = await client.me()
    if me.guid != ref.me_guid:
        raise InvalidArgumentError(
            f"the plan was made with a key of {ref.username} on {ref.url}, and this key is that of "
            f"{me.username}; use the same user, or plan again"
        )


async def changed_items(plan: Plan, items: Sequence[PlannedItem]) -> list[PlannedItem]:
    """Return the items whose source is not what it was when the plan was made, or is gone."""
    return changed(items, await read_again(plan, items, manifests=False))


async def read_again(
    plan: Plan, items: Sequence[PlannedItem], *, manifests: bool = True, in_flight: int = 64
) -> Snapshot:
    """Read the source with the content of items, as it is now."""
    wanted = {item.source.guid for item in items}
    return await read_server(
        plan.clients[0],
        items=lambda one: one.guid in wanted,
        details=True,
        manifests=manifests,
        in_flight=in_flight,
    )


def changed(items: Sequence[PlannedItem], source: Snapshot) -> list[PlannedItem]:
    """Return the items whose content is another one in the source, or is not there."""
    prints = {one.guid: fingerprint(one) for one in source.content}
    return [
        item
        for item in items
        if prints.get(item.source.guid) != (item.fingerprint.content, item.fingerprint.details)
    ]

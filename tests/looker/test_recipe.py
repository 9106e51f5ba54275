"""The recipe of the documentation gives roles to the right users."""

from __future__ import annotations

from typing import Any

import pytest

from aconnect.looker import Client
from aconnect.testing.looker import FakeLooker
from tests.test_docs import ROOT, blocks


@pytest.fixture
def recipe() -> dict[str, Any]:
    """The functions of the page."""
    namespace: dict[str, Any] = {"Looker": Client}
    (block,) = (b for b in blocks(ROOT / "docs" / "looker.md") if "def looker_id" in b.code)
    exec(block.code, namespace)  # noqa: S102  our own words
    return namespace


async def test_a_user_is_found_by_the_exact_address(
    client: Client, server: FakeLooker, recipe: dict[str, Any]
) -> None:
    """An address with `_`, which is a pattern, does not find a user with a similar address."""
    first, second, third, *_ = server.state.users.values()
    first["email"], second["email"], third["email"] = "ana.b@x.org", "Ana_B@x.org", None
    looker_id = recipe["looker_id"]
    assert await looker_id(client, "ana_b@x.org") == second["id"]
    assert await looker_id(client, "ana.b@x.org") == first["id"]
    assert await looker_id(client, "an__b@x.org") is None
    assert await looker_id(client, "%") is None

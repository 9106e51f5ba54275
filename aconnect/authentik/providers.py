"""Providers of remote access: what endpoints and connection tokens belong to."""

from __future__ import annotations

from typing import Final

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect.authentik.base import AuthentikResource
from aconnect.authentik.models import RACProvider
from aconnect.authentik.paging import Pages


class Providers(AuthentikResource, name="providers"):
    """Providers of remote access (RAC)."""

    @paged(
        "/providers/rac/",
        by=Pages(),
        rename={"application_isnull": "application__isnull", "name_iexact": "name__iexact"},
    )
    def find(
        self,
        *,
        name_iexact: str | None = None,
        application_isnull: bool | None = None,
        search: str | None = None,
        ordering: str | None = None,
    ) -> Paged[RACProvider]:
        """List providers by name, ignoring case, or by whether they belong to no application.

        `search` searches the names. `ordering` is the name of a field, with a leading `-` for
        descending order.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find, name="name_iexact")
    count: Final = total_of(find)

    @endpoint("GET", "/providers/rac/{id}/")
    async def get(self, id: RACProvider | int) -> RACProvider:  # noqa: A002  the vendor's noun
        """Get one provider."""
        ...

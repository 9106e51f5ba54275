"""Model sets, permission sets, and their permissions.

All searches take patterns: `%` matches any text and `_` any one character, ignoring case, and `IS
NULL` and `NOT NULL` test whether there is a value. Several ids can be passed. `fields` are the
fields to return, `sorts` the fields to sort by, each optionally with ` desc`. With `filter_or` an
item must match one of the filters instead of all. `limit` and `offset` select some of the items
found: at most so many, after so many; without them, all are returned. `find_by` compares exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Required, TypedDict, Unpack

from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.model import Id, Model
from aconnect._core.paging import Offset, Unpaged
from aconnect.looker.base import LookerResource, match_of_search

Texts = str | Sequence[str]
"""One string, or several, which are joined by commas."""


class ModelSet(Model, kw_only=True):
    """The LookML models of a role."""

    can: dict[str, bool] | None = None
    """The actions that the caller is allowed to take."""
    all_access: bool | None = None
    built_in: bool | None = None
    """Whether it is Looker's own, which cannot be modified."""
    id: Id = ""
    models: list[str] | None = None
    name: str | None = None
    url: str | None = None


class PermissionSet(Model, kw_only=True):
    """The permissions of a role."""

    can: dict[str, bool] | None = None
    """The actions that the caller is allowed to take."""
    all_access: bool | None = None
    built_in: bool | None = None
    """Looker's own, which cannot be modified."""
    id: Id = ""
    name: str | None = None
    permissions: list[str] | None = None
    url: str | None = None


class Permission(Model, kw_only=True):
    """A permission that a permission set can contain."""

    can: dict[str, bool] | None = None
    permission: str | None = None
    """Its name in permission sets."""
    parent: str | None = None
    """The permission that this one requires."""
    description: str | None = None


class ModelSetUpdateParams(TypedDict, total=False):
    """Fields of a model set that can be changed."""

    name: str | None
    models: list[str] | None


class ModelSetCreateParams(TypedDict, total=False):
    """Fields of a new model set."""

    name: Required[str]
    models: list[str] | None


class PermissionSetUpdateParams(TypedDict, total=False):
    """Fields of a permission set that can be changed."""

    name: str | None
    permissions: list[str] | None


class PermissionSetCreateParams(TypedDict, total=False):
    """Fields of a new permission set."""

    name: Required[str]
    permissions: list[str] | None


class ModelSets(LookerResource, name="model_sets"):
    """Sets of LookML models."""

    @paged("/model_sets/search", by=Offset())
    def search(
        self,
        *,
        fields: Texts | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sorts: Texts | None = None,
        id: Texts | None = None,  # noqa: A002  the vendor's noun
        name: str | None = None,
        all_access: bool | None = None,
        built_in: bool | None = None,
        filter_or: bool | None = None,
        models: Texts | None = None,
    ) -> Paged[ModelSet]:
        """Search model sets by pattern.

        Args:
            fields: The fields to return.
            limit: The number of items to return, instead of all.
            offset: The number of items to skip.
            sorts: The fields to sort by, each optionally with ` desc`.
            id: The id, or several ids.
            name: A pattern: `%` matches any text, `_` any one character; case is ignored.
            all_access: Whether it gives access to all.
            built_in: Whether Looker itself made it.
            filter_or: Whether a set must match one of the filters instead of all.
            models: The names of the models.
        """
        ...

    find_by: Final = match_of_search(search)

    @paged("/model_sets", by=Unpaged())
    def all(self, *, fields: Texts | None = None) -> Paged[ModelSet]:
        """List all model sets."""
        ...

    @endpoint("GET", "/model_sets/{model_set_id}")
    async def get(self, model_set_id: str, *, fields: Texts | None = None) -> ModelSet:
        """Get one model set."""
        ...

    @endpoint("POST", "/model_sets")
    async def create(self, **fields: Unpack[ModelSetCreateParams]) -> ModelSet:
        """Create a model set; `ConflictError` if the name is taken."""
        ...

    @endpoint("PATCH", "/model_sets/{model_set_id}", idempotent=True)
    async def update(self, model_set_id: str, **fields: Unpack[ModelSetUpdateParams]) -> ModelSet:
        """Change the given fields of a model set that is not built in."""
        ...

    @endpoint("DELETE", "/model_sets/{model_set_id}")
    async def delete(self, model_set_id: str) -> None:
        """Delete a model set that is not built in."""
        ...


class PermissionSets(LookerResource, name="permission_sets"):
    """Sets of permissions."""

    @paged("/permission_sets/search", by=Offset())
    def search(
        self,
        *,
        fields: Texts | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sorts: Texts | None = None,
        id: Texts | None = None,  # noqa: A002  the vendor's noun
        name: str | None = None,
        all_access: bool | None = None,
        built_in: bool | None = None,
        filter_or: bool | None = None,
        permissions: Texts | None = None,
    ) -> Paged[PermissionSet]:
        """Search permission sets by pattern.

        Args:
            fields: The fields to return.
            limit: The number of items to return, instead of all.
            offset: The number of items to skip.
            sorts: The fields to sort by, each optionally with ` desc`.
            id: The id, or several ids.
            name: A pattern: `%` matches any text, `_` any one character; case is ignored.
            all_access: Whether it gives access to all.
            built_in: Whether Looker itself made it.
            filter_or: Whether a set must match one of the filters instead of all.
            permissions: The names of the permissions.
        """
        ...

    find_by: Final = match_of_search(search)

    @paged("/permission_sets", by=Unpaged())
    def all(self, *, fields: Texts | None = None) -> Paged[PermissionSet]:
        """List all permission sets."""
        ...

    @endpoint("GET", "/permission_sets/{permission_set_id}")
    async def get(self, permission_set_id: str, *, fields: Texts | None = None) -> PermissionSet:
        """Get one permission set."""
        ...

    @endpoint("POST", "/permission_sets")
    async def create(self, **fields: Unpack[PermissionSetCreateParams]) -> PermissionSet:
        """Create a permission set; `ConflictError` if the name is taken."""
        ...

    @endpoint("PATCH", "/permission_sets/{permission_set_id}", idempotent=True)
    async def update(
        self, permission_set_id: str, **fields: Unpack[PermissionSetUpdateParams]
    ) -> PermissionSet:
        """Change the given fields of a permission set that is not built in."""
        ...

    @endpoint("DELETE", "/permission_sets/{permission_set_id}")
    async def delete(self, permission_set_id: str) -> None:
        """Delete a permission set that is not built in."""
        ...


class Permissions(LookerResource, name="permissions"):
    """The permissions that permission sets can contain."""

    @paged("/permissions", by=Unpaged())
    def all(self) -> Paged[Permission]:
        """List all permissions."""
        ...

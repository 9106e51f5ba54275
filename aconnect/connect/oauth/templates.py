"""OAuth templates: what integrations are made of, which options and fields they have."""

from __future__ import annotations

from typing import Any, Final

from aconnect._client.endpoint import endpoint, first_of, match_of, paged, total_of
from aconnect._client.paged import Paged
from aconnect._core.model import Model
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectResource


class OAuthTemplateSection(Model, kw_only=True):
    """A part of the form that asks for a configuration."""

    id: int | None = None
    """A number that fields and options refer to."""
    order: int | None = None
    name: str | None = None
    description: str | None = None


class OAuthTemplateVisibility(Model, kw_only=True):
    """When a field or option is requested: a comparison, or an operator over others."""

    name: str | None = None
    """The field that is compared; only in a comparison."""
    value: Any = None
    """What it is compared with; only in a comparison."""
    operator: str | None = None
    """Such as `and`; not in a comparison."""
    operands: list[OAuthTemplateVisibility] | None = None


class OAuthTemplateField(Model, kw_only=True):
    """A text of a configuration."""

    name: str | None = None
    """Its key in `config`."""
    description: str | None = None
    section: int | None = None
    order: int | None = None
    label: str | None = None
    visibility_expression: OAuthTemplateVisibility | None = None
    default: str | None = None
    validation: str | None = None
    """A regular expression."""
    validation_description: str | None = None
    secret: bool | None = None
    """Whether the server keeps it to itself once it is set."""
    multiline: bool | None = None


class OAuthTemplateOption(Model, kw_only=True):
    """A choice of a configuration."""

    name: str | None = None
    """Its key in `config`."""
    description: str | None = None
    section: int | None = None
    order: int | None = None
    label: str | None = None
    visibility_expression: OAuthTemplateVisibility | None = None
    type: str | None = None
    """`bool` or `select`."""
    values: list[str] | None = None
    """What can be chosen of a `select`."""
    default: Any = None


class OAuthTemplate(Model, kw_only=True):
    """What an integration with one kind of service needs to know."""

    id: str = ""
    """The `template` of integrations, such as `custom`."""
    name: str | None = None
    description: str | None = None
    sections: list[OAuthTemplateSection] | None = None
    options: list[OAuthTemplateOption] | None = None
    fields: list[OAuthTemplateField] | None = None
    environment_variables: list[str] | None = None


class OAuthTemplates(ConnectResource, name="oauth.templates", role="publisher"):
    """What integrations are made of."""

    @paged("/v1/oauth/templates", by=Unpaged())
    def find(self) -> Paged[OAuthTemplate]:
        """List all templates."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("GET", "/v1/oauth/templates/{key}")
    async def get(self, key: str) -> OAuthTemplate:
        """Get one template by its id, such as `custom`."""
        ...

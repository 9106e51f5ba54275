"""OAuth templates: the options and fields of integrations."""

from __future__ import annotations

from typing import Any, Final

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.model import Model
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectResource


class OAuthTemplateSection(Model, kw_only=True):
    """A section of the configuration form."""

    id: int | None = None
    """The number that fields and options refer to."""
    order: int | None = None
    name: str | None = None
    description: str | None = None


class OAuthTemplateVisibility(Model, kw_only=True):
    """When a field or option is shown: a comparison, or an operator over others."""

    name: str | None = None
    """The field that is compared; only in a comparison."""
    value: Any = None
    """The value it is compared with; only in a comparison."""
    operator: str | None = None
    """Such as `and`; not in a comparison."""
    operands: list[OAuthTemplateVisibility] | None = None


class OAuthTemplateField(Model, kw_only=True):
    """A text field of a configuration."""

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
    """Whether the server never returns it."""
    multiline: bool | None = None


class OAuthTemplateOption(Model, kw_only=True):
    """An option of a configuration."""

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
    """The values of a `select`."""
    default: Any = None


class OAuthTemplate(Model, kw_only=True):
    """The configuration of an integration with one type of service."""

    id: str = ""
    """The `template` of integrations, such as `custom`."""
    name: str | None = None
    description: str | None = None
    sections: list[OAuthTemplateSection] | None = None
    options: list[OAuthTemplateOption] | None = None
    fields: list[OAuthTemplateField] | None = None
    environment_variables: list[str] | None = None


class OAuthTemplates(ConnectResource, name="oauth.templates", role="publisher"):
    """The templates of integrations."""

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

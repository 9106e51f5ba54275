"""The account, and its details in one response."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from msgspec import field

from aconnect._client.endpoint import endpoint
from aconnect._core.model import Confidential
from aconnect.cloudendure.base import CloudEndureModel, CloudEndureResource
from aconnect.cloudendure.clouds import CloudsList, Region
from aconnect.cloudendure.projects import ProjectsList
from aconnect.cloudendure.users import User


class SamlSettings(CloudEndureModel, kw_only=True):
    """The identity provider of an account."""

    identity_provider_certificate: str | None = None
    identity_provider_url: str | None = None
    identity_provider_id: str | None = field(default=None, name="identityProviderID")


class Account(CloudEndureModel, kw_only=True):
    """An account, with its limits and features."""

    invite_token_expiry_minutes: int | None = None
    allow_archiving_default_value: bool | None = None
    per_account_user_pool: bool | None = None
    is_gcp_self_service: bool | None = None
    is_dr_trial: bool | None = None
    is_arm_self_service: bool | None = None
    is_aws_self_service: bool | None = None
    saml_settings: SamlSettings | None = None
    is_right_sizing_enabled: bool | None = None
    default_license_type: str | None = None
    max_projects_allowed: int | None = None
    ce_admin_properties: dict[str, Any] | None = None
    owner_id: str | None = None
    is_med_one: bool | None = None
    id: str = ""


class Time(CloudEndureModel, kw_only=True):
    """The server's time."""

    date_time: datetime | None = None


class ReplicationConfiguration(Confidential, CloudEndureModel, kw_only=True, rename="camel"):
    """The replication configuration of a project or machine."""

    _hidden: ClassVar[tuple[str, ...]] = ("proxy_url",)

    volume_encryption_key: str | None = None
    replication_tags: list[dict[str, Any]] = []
    subnet_host_project: str | None = None
    replication_server_type: str | None = None
    compute_location_id: str | None = None
    cloud_credentials: str | None = None
    subnet_id: str | None = None
    logical_location_id: str | None = None
    bandwidth_throttling: int | None = None
    """In Mbps."""
    storage_location_id: str | None = None
    use_dedicated_server: bool | None = None
    zone: str | None = None
    replicator_security_group_ids: list[str] = field(
        default_factory=list[str], name="replicatorSecurityGroupIDs"
    )
    use_private_ip: bool | None = None
    region: str | None = None
    id: str = ""
    proxy_url: str | None = None
    """It may contain the password of the proxy, so it is not printed."""
    volume_encryption_allowed: bool | None = None
    archiving_enabled: bool | None = None
    object_storage_location: str | None = None


class ReplicationConfigurationList(CloudEndureModel, kw_only=True):
    """Replication configurations."""

    items: list[ReplicationConfiguration] = []


class ExtendedAccountInfo(CloudEndureModel, kw_only=True):
    """The account with its user, projects, clouds and replication configurations."""

    account: Account | None = None
    clouds: CloudsList | None = None
    generic_region: Region | None = None
    date_time: Time | None = None
    user: User | None = None
    projects: ProjectsList | None = None
    is_newly_registered: bool | None = None
    replication_configurations: ReplicationConfigurationList | None = None


class Accounts(CloudEndureResource, name="accounts"):
    """The account of the signed-in user."""

    # Each call sends an e-mail, so a lost response is not retried.
    @endpoint("GET", "/accounts/{accountId}/access", idempotent=False)
    async def access(self, account_id: str, *, username: str) -> dict[str, Any] | None:
        """Send a temporary access token to a user by e-mail."""
        ...

    @endpoint("GET", "/extendedAccountInfo")
    async def extended_info(self) -> ExtendedAccountInfo:
        """Get the account with its user, projects, clouds and replication configurations."""
        ...

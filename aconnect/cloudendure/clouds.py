"""Clouds and their regions: models that are parts of other objects."""

from __future__ import annotations

from aconnect.cloudendure.base import CloudEndureModel


class ComputeLocation(CloudEndureModel, kw_only=True):
    """A location for machines."""

    is_encryption_supported: bool | None = None
    location_id: str | None = None
    name: str = ""


class LogicalLocation(CloudEndureModel, kw_only=True):
    """A folder or resource group."""

    location_id: str | None = None
    name: str = ""


class StorageLocation(CloudEndureModel, kw_only=True):
    """A location for volumes."""

    location_id: str | None = None
    name: str = ""


class NetworkInterface(CloudEndureModel, kw_only=True):
    """A network interface of a region."""

    subnet_id: str | None = None
    name: str = ""
    private_ip: str | None = None


class SecurityGroup(CloudEndureModel, kw_only=True):
    """A security group of a region."""

    network_id: str | None = None
    security_group_id: str | None = None
    name: str = ""


class Subnet(CloudEndureModel, kw_only=True):
    """A subnet of a region."""

    subnet_id: str | None = None
    network_id: str | None = None
    name: str = ""


class Region(CloudEndureModel, kw_only=True):
    """A region of a cloud, with its resources."""

    subnets: list[Subnet] = []
    placement_groups: list[str] = []
    scsi_adapter_types: list[str] = []
    instance_types: list[str] = []
    zones: list[str] = []
    volume_encryption_keys: list[str] = []
    cloud: str | None = None
    security_groups: list[SecurityGroup] = []
    logical_locations: list[LogicalLocation] = []
    static_ips: list[str] = []
    max_cpus_per_machine: int | None = None
    network_interfaces: list[NetworkInterface] = []
    compute_locations: list[ComputeLocation] = []
    name: str = ""
    storage_locations: list[StorageLocation] = []
    iam_roles: list[str] = []
    id: str = ""
    max_cores_per_machine_cpu: int | None = None
    dedicated_hosts: list[str] = []
    network_adapter_types: list[str] = []
    max_mb_ram_per_machine: int | None = None


class Cloud(CloudEndureModel, kw_only=True):
    """A cloud that projects replicate from or to."""

    id: str = ""
    roles: list[str] = []
    name: str = ""
    """`AWS`, `GCP`, `AZURE`, `VCENTER` and others."""


class CloudsList(CloudEndureModel, kw_only=True):
    """Clouds."""

    items: list[Cloud] = []

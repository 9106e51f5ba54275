"""What is decided about each item: a function for each part, in this order."""

from __future__ import annotations

from typing import Final

from aconnect.migrate.planning.checks.bundles import check_bundles
from aconnect.migrate.planning.checks.names import check_name, check_vanity
from aconnect.migrate.planning.checks.people import check_owner, check_permissions
from aconnect.migrate.planning.checks.resources import (
    check_environment,
    check_integrations,
    check_runtimes,
    check_variables,
)
from aconnect.migrate.planning.checks.settings import check_lock, check_settings
from aconnect.migrate.planning.draft import Check

CHECKS: Final[tuple[Check, ...]] = (
    check_bundles,
    check_lock,
    check_settings,
    check_owner,
    check_permissions,
    check_integrations,
    check_environment,
    check_runtimes,
    check_variables,
    check_name,
    check_vanity,
)
"""Owners come before names, which are unique for each owner. Names and vanity URLs come last: only
those of items that are migrated are taken."""

"""What is decided about each item: a function for each part, in this order."""

from __future__ import annotations

from typing import Final

from aconnect.migrate.planning.checks.bundles import check_bundles, check_download, check_readable
from aconnect.migrate.planning.checks.existing import check_changes, check_existing
from aconnect.migrate.planning.checks.integrations import check_integrations, check_requests
from aconnect.migrate.planning.checks.names import check_name, check_vanity
from aconnect.migrate.planning.checks.people import check_owner, check_permissions
from aconnect.migrate.planning.checks.runtimes import (
    check_environment,
    check_image,
    check_runtimes,
)
from aconnect.migrate.planning.checks.settings import check_lock, check_schedules, check_settings
from aconnect.migrate.planning.checks.variables import check_variables
from aconnect.migrate.planning.draft import Check

CHECKS: Final[tuple[Check, ...]] = (
    check_lock,
    check_readable,
    check_bundles,
    check_download,
    check_existing,
    check_settings,
    check_owner,
    check_permissions,
    check_integrations,
    check_requests,
    check_environment,
    check_image,
    check_runtimes,
    check_variables,
    check_schedules,
    check_name,
    check_vanity,
    check_changes,
)
"""What skips an item or makes it impossible comes first: no more is found about such items. Owners
come before names, which are unique for each owner, and names and vanity URLs come late: only those
of items that are migrated are taken. What an update changes depends on all others."""

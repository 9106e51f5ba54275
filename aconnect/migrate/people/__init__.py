"""Users, groups and environments: bringing a server to a described state."""

from aconnect.migrate.people.applying import (
    Applier as Applier,
    ChangeOutcome as ChangeOutcome,
    apply_changes as apply_changes,
)
from aconnect.migrate.people.describing import (
    describe_environments as describe_environments,
    describe_groups as describe_groups,
    describe_users as describe_users,
)
from aconnect.migrate.people.files import (
    read_groups_csv as read_groups_csv,
    read_users_csv as read_users_csv,
)
from aconnect.migrate.people.model import (
    Change as Change,
    DescribedEnvironment as DescribedEnvironment,
    DescribedGroup as DescribedGroup,
    DescribedUser as DescribedUser,
)
from aconnect.migrate.people.reading import (
    described_groups as described_groups,
    described_users as described_users,
)
from aconnect.migrate.people.syncing import (
    missing_people as missing_people,
    plan_environments as plan_environments,
    plan_groups as plan_groups,
    plan_users as plan_users,
    sync_environments as sync_environments,
    sync_groups as sync_groups,
    sync_users as sync_users,
)

"""From a directory, an archive or a Git repository to running content."""

from aconnect.deploy.archive import DEFAULT_MAX_SIZE, pack
from aconnect.deploy.deployment import check_name, deploy

__all__ = ["DEFAULT_MAX_SIZE", "check_name", "deploy", "pack"]

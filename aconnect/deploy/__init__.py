"""From a directory, an archive or a Git repository to running content."""

from aconnect.deploy.archive import DEFAULT_MAX_SIZE, Archive, pack
from aconnect.deploy.deployment import check_name, deploy

__all__ = ["DEFAULT_MAX_SIZE", "Archive", "check_name", "deploy", "pack"]

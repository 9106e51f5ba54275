"""From a directory, an older bundle or a Git repository to running content."""

from aconnect.deploy.archive import DEFAULT_MAX_SIZE, Archive, pack
from aconnect.deploy.deployment import Deployment, Staged, deploy, redeploy, rollback, stage
from aconnect.deploy.files import Excluded, Selection, SourceFile
from aconnect.deploy.git import deploy_git, git_metadata
from aconnect.deploy.kinds import Detected, Kind
from aconnect.deploy.project import Project, prepare
from aconnect.deploy.steps import Step

__all__ = [
    "DEFAULT_MAX_SIZE",
    "Archive",
    "Deployment",
    "Detected",
    "Excluded",
    "Kind",
    "Project",
    "Selection",
    "SourceFile",
    "Staged",
    "Step",
    "deploy",
    "deploy_git",
    "git_metadata",
    "pack",
    "prepare",
    "redeploy",
    "rollback",
    "stage",
]

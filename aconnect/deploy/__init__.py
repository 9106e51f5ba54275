"""From a directory, an older bundle or a Git repository to running content."""

from aconnect.deploy.batch.batch import build_all, deploy_all, redeploy_all
from aconnect.deploy.batch.running import Batch, BatchOutcome
from aconnect.deploy.batch.selection import select_content
from aconnect.deploy.batch.state import BatchItem
from aconnect.deploy.config.config import Config, load_config
from aconnect.deploy.config.specs import DeploySpec, read_specs
from aconnect.deploy.deployment import Staged, deploy, redeploy, rollback, stage
from aconnect.deploy.following import Deployment
from aconnect.deploy.git import deploy_git, git_metadata
from aconnect.deploy.project.archive import DEFAULT_MAX_SIZE, Archive, pack
from aconnect.deploy.project.files import Excluded, SourceFile
from aconnect.deploy.project.kinds import Detected, Kind
from aconnect.deploy.project.project import Project, prepare
from aconnect.deploy.steps import Step

__all__ = [
    "DEFAULT_MAX_SIZE",
    "Archive",
    "Batch",
    "BatchItem",
    "BatchOutcome",
    "Config",
    "DeploySpec",
    "Deployment",
    "Detected",
    "Excluded",
    "Kind",
    "Project",
    "SourceFile",
    "Staged",
    "Step",
    "build_all",
    "deploy",
    "deploy_all",
    "deploy_git",
    "git_metadata",
    "load_config",
    "pack",
    "prepare",
    "read_specs",
    "redeploy",
    "redeploy_all",
    "rollback",
    "select_content",
    "stage",
]

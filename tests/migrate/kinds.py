"""The kinds of content that a migration can meet."""

from __future__ import annotations

from collections.abc import Callable

from aconnect.testing.connect.routes.content._schedules import new_schedule
from aconnect.testing.connect.routes.content.repository import new_repository
from aconnect.testing.connect.routes.content.variants import new_variant
from tests.migrate.furnishing import World

IMAGE = "ghcr.io/acme/base:r4.4-py3.12"
"""The image of an environment that both servers have."""
OLD_IMAGE = "ghcr.io/acme/base:r4.1-py3.8"
"""The image of an environment that only the source has."""
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(64))
"""The thumbnail of content, if it has one."""


def _report(world: World, name: str) -> None:
    """Nearly everything, and three bundles, of which the second is active."""
    content = world.add_content(name, "alice", description="A weekly report.", notify_on_share=True)
    bundles = [world.add_bundle(content, "quarto-static", number) for number in (1, 2, 3)]
    world.activate(content, bundles[1])
    world.set_variables(content)
    world.tag(content, "Team", "Data", "Weekly")
    world.tag(content, "Region", "North")
    world.associate(content, "Connect")
    world.permit(content, "user", "bob")
    world.permit(content, "group", "analysts")
    world.set_vanity(content, f"/{name}/weekly/")
    guid, time = content["guid"], content["created_time"]
    variant = new_variant(content, "default", time, is_default=True, render_time=time)
    world.state.variants[guid] = {variant["variant_key"]: variant}
    owner = world.state.users[content["owner_guid"]]
    world.state.schedules[guid] = [new_schedule("default", owner, time)]
    world.state.thumbnails[guid] = PICTURE


def _app(world: World, name: str) -> None:
    """Limits of processes, collaborators, and an integration."""
    content = world.add_content(
        name,
        "bob",
        access_type="logged_in",
        min_processes=1,
        max_processes=5,
        max_conns_per_process=10,
        load_factor=0.75,
        connection_timeout=60,
        idle_timeout=120,
    )
    world.deploy(content, "python-shiny")
    world.set_variables(content)
    world.permit(content, "user", "carol", "owner")
    world.permit(content, "group", "engineers", "owner")
    world.associate(content, "Warehouse")


def _api(world: World, name: str) -> None:
    """Two integrations, an old bundle without checksums, a package repository with a password."""
    content = world.add_content(name, "carol", default_py_environment_management=False)
    old = world.add_bundle(content, "python-fastapi", 1)
    old.row["metadata"].update(archive_md5=None, archive_sha1=None)
    repository = f"https://reader:password-of-packages-on-{world.name}@packages.acme.example/cran"
    packages = {"R6": {"Source": "CRAN", "Repository": repository}}
    world.activate(content, world.add_bundle(content, "python-fastapi", 2, packages=packages))
    world.associate(content, "Warehouse", "GitHub")
    world.set_vanity(content, f"/{name}/")
    world.tag(content, "Team", "Operations")


def _git(world: World, name: str) -> None:
    """A Git repository, whose address has a password; servers no longer accept such addresses."""
    content = world.add_content(name, "alice")
    bundle = world.deploy(content, "static")
    address = f"https://reader:password-of-{name}-on-{world.name}@git.acme.example/site.git"
    repository = new_repository(address, world.time, branch="release", directory="site")
    repository["polling"] = True
    world.state.repositories[content["guid"]] = repository
    bundle.row["metadata"].update(source="git", source_branch="release")


def _never(world: World, name: str) -> None:
    """Content that was never deployed."""
    content = world.add_content(name, "bob", description="Created, and nothing else.")
    world.set_variables(content)
    world.tag(content, "Region", "North")


def _history(world: World, name: str) -> None:
    """An older bundle that is no longer on the disk, and a newer one that was never built."""
    content = world.add_content(name, "carol", access_type="all")
    gone, active = (world.add_bundle(content, "shiny", number) for number in (1, 2))
    world.add_bundle(content, "shiny", 3)
    world.activate(content, active)
    world.state.lose_archive(content["guid"], gone.row["id"])
    world.permit(content, "group", "analysts")


def _locked(world: World, name: str) -> None:
    """Locked content that everybody may view."""
    content = world.add_content(
        name, "alice", access_type="all", locked=True, locked_message="Frozen for the audit."
    )
    world.deploy(content, "static")
    world.state.thumbnails[content["guid"]] = PICTURE


def _image(world: World, name: str) -> None:
    """An execution environment, and the limits that go with it."""
    content = world.add_content(
        name,
        "bob",
        default_environment_guid=world.guid("environment", IMAGE),
        cpu_request=0.5,
        cpu_limit=2.0,
        memory_request=1 << 28,
        memory_limit=1 << 30,
    )
    world.deploy(content, "api")


def _own(world: World, name: str) -> None:
    """Content of the owner of the key, which needs no grant."""
    content = world.add_content(name, "root")
    world.deploy(content, "static")
    world.permit(content, "user", "alice", "owner")


def _taken(world: World, name: str) -> None:
    """A name that its owner has on the destination already."""
    world.deploy(world.add_content(name, "bob"), "static")


def _vanity_taken(world: World, name: str) -> None:
    """A vanity path below one that other content has on the destination."""
    content = world.add_content(name, "carol")
    world.deploy(content, "static")
    world.set_vanity(content, "/shared/team/" if name == "vanity-taken" else f"/{name}/")


def _gone(world: World, name: str) -> None:
    """The active bundle is no longer on the disk."""
    content = world.add_content(name, "carol")
    bundle = world.deploy(content, "static")
    world.state.lose_archive(content["guid"], bundle.row["id"])


def _unmapped(world: World, name: str) -> None:
    """An owner and a group that the destination lacks."""
    content = world.add_content(name, "ivan")
    world.deploy(content, "static")
    world.permit(content, "group", "auditors")


def _viewer(world: World, name: str) -> None:
    """An owner who may not publish on the destination."""
    world.deploy(world.add_content(name, "judy"), "static")


def _locked_owner(world: World, name: str) -> None:
    """An owner who is locked."""
    world.deploy(world.add_content(name, "dave"), "static")


def _demoted(world: World, name: str) -> None:
    """A collaborator who may not publish (any more)."""
    content = world.add_content(name, "bob")
    world.deploy(content, "static")
    world.permit(content, "user", "erin", "owner")


def _ambiguous(world: World, name: str) -> None:
    """Permissions of users whose e-mail address is that of several."""
    content = world.add_content(name, "alice")
    world.deploy(content, "static")
    for username in ("frank", "grace", "henry"):
        world.permit(content, "user", username)


def _run_as(world: World, name: str) -> None:
    """Accounts that content runs as."""
    content = world.add_content(
        name, "carol", run_as="analysis", run_as_current_user=True, service_account_name="default"
    )
    world.deploy(content, "shiny")


def _requests(world: World, name: str) -> None:
    """An integration and an environment that the destination lacks; the manifest requests one."""
    content = world.add_content(
        name, "alice", default_environment_guid=world.guid("environment", OLD_IMAGE)
    )
    requests = [{"name": "Legacy", "type": "custom"}]
    world.deploy(content, "python-fastapi", integration_requests=requests)
    world.associate(content, "Legacy")


def _over_limit(world: World, name: str) -> None:
    """A setting above the limit of the destination."""
    world.deploy(world.add_content(name, "bob", max_processes=50), "shiny")


def _runtime(world: World, name: str) -> None:
    """A language that is not installed on the destination."""
    content = world.add_content(name, "carol", quarto_version="1.5.57")
    bundle = world.deploy(content, "quarto-static", quarto={"version": "1.5.57"})
    bundle.row["quarto_version"] = "1.5.57"


Furnish = Callable[[World, str], None]

CLEAN: dict[str, Furnish] = {
    "report": _report,
    "app": _app,
    "api": _api,
    "git": _git,
    "never": _never,
    "history": _history,
    "locked": _locked,
    "image": _image,
    "own": _own,
}
"""Content that can be migrated as it is, if users are matched by name or address, integrations and
environments by name, and `VARIABLES` have values."""

CONFLICTS: dict[str, Furnish] = {
    "taken": _taken,
    "vanity-taken": _vanity_taken,
    "gone": _gone,
    "unmapped": _unmapped,
    "viewer": _viewer,
    "locked-owner": _locked_owner,
    "demoted": _demoted,
    "ambiguous": _ambiguous,
    "run-as": _run_as,
    "requests": _requests,
    "over-limit": _over_limit,
    "runtime": _runtime,
}
"""Content that needs a decision, or loses something."""

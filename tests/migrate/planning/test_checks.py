"""Each kind of finding: the situation, the policy, the sign, and what the text says."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aconnect.errors import InvalidArgumentError
from aconnect.migrate import planning
from aconnect.migrate.mapping.model import Mapping, ValueSource
from aconnect.migrate.people.model import Change
from aconnect.migrate.planning.making import make_plan
from aconnect.migrate.planning.model import Options
from aconnect.migrate.snapshots.model import (
    BundleSnapshot,
    GroupSnapshot,
    IntegrationSnapshot,
    ManifestSnapshot,
    Runtimes,
)
from tests.migrate.planning.samples import (
    FIELDS,
    NOW,
    PLAN_ID,
    content,
    details,
    environment,
    existing,
    git,
    inputs,
    planned,
    role,
    snapshot,
    user,
)

GITHUB = IntegrationSnapshot("github", "Viewer", "GitHub")
AZURE = IntegrationSnapshot("azure", "Viewer", "Azure")
BUNDLE = BundleSnapshot(id="1", size=100, md5="ab", active=True)
ADOPT = Mapping(content={"guid-of-alice-sales": "there-alice-sales"})


def there(**fields):
    return snapshot("destination", **fields)


def here(**fields):
    return snapshot("source", **fields)


def without(*names):
    return tuple(name for name in FIELDS if name not in names)


def as_publisher(side="destination"):
    prefix = "src-" if side == "source" else "dst-"
    return snapshot(side, me=user("alice", prefix=prefix))


def off_host(side, **fields):
    return snapshot(side, is_off_host=True, **fields)


Row = tuple[str, Any, dict[str, Any], str, str, tuple[str, ...]]

ROWS: dict[str, Row] = {
    # name: (kind, content, what else, sign of the item, sign of the finding, parts of the text)
    "git": ("git", content(has=details(repository=git())), {}, "+", "+", ("git.example/a.git",)),
    "never-deployed": (
        "never-deployed",
        content(has=details(bundles=()), bundle_id=None),
        {},
        "x",
        "x",
        ("no active bundle",),
    ),
    "uploaded-only": (
        "never-deployed",
        content(has=details(bundles=(BundleSnapshot(id="9", size=1),)), bundle_id=None),
        {},
        "x",
        "x",
        ("no active bundle",),
    ),
    "bundle-missing": (
        "bundle-missing",
        content(has=details(bundles=(BundleSnapshot(id="1", size=0, active=True),))),
        {},
        "x",
        "x",
        ("bundle 1 is no longer stored", "deploy it again"),
    ),
    "bundles-missing": (
        "bundles-missing",
        content(has=details(bundles=(BUNDLE, BundleSnapshot(id="0", size=0)))),
        {"options": Options(bundles="all")},
        "+",
        "+",
        ("1 other bundles",),
    ),
    "unreadable": (
        "unreadable",
        content(has=details(unreadable=("permissions", "repository"))),
        {},
        "x",
        "x",
        ("permissions, Git repository", "administrator"),
    ),
    "grant": (
        "grant",
        content(app_role="none"),
        {},
        "!",
        "!",
        ("only collaborators", "grant_self=True (--grant-self)"),
    ),
    "grant-self": (
        "grant",
        content(app_role="viewer"),
        {"options": Options(grant_self=True)},
        "+",
        "+",
        ("becomes a collaborator",),
    ),
    "grant-unstated-role": ("grant", content(app_role=None), {}, "!", "!", ("--grant-self",)),
    "grant-by-a-publisher": (
        "not-collaborator",
        content("x", "bob", app_role="viewer"),
        {"source": as_publisher("source"), "options": Options(grant_self=True)},
        "!",
        "!",
        ("alice is none", "use the key of one"),
    ),
    "locked-skip": (
        "locked",
        content(locked=True),
        {"locked": "skip"},
        "-",
        "-",
        ("locked on the source", "locked='as-is' (--on-locked as-is)"),
    ),
    "lock-unknown": (
        "setting-left-out",
        content(locked=True),
        {"destination": there(content_fields=without("locked"))},
        "+",
        "+",
        ("the lock is left out",),
    ),
    "run-as-left-out": (
        "setting-left-out",
        content(settings={"run_as": "rstudio"}),
        {},
        "+",
        "+",
        ("run_as is left out", "run_as=True (--run-as)"),
    ),
    "run-as": (
        "run-as",
        content(settings={"run_as": "rstudio"}),
        {"options": Options(run_as=True)},
        "+",
        "+",
        ("'rstudio'", "the destination must have"),
    ),
    "run-as-current-user": (
        "run-as",
        content(settings={"run_as_current_user": True}),
        {"options": Options(run_as=True)},
        "+",
        "+",
        ("as the user who views it",),
    ),
    "run-as-by-a-publisher": (
        "not-administrator",
        content(settings={"run_as": "rstudio"}),
        {"options": Options(run_as=True), "destination": as_publisher()},
        "!",
        "!",
        ("only administrators can set run_as", "--run-as"),
    ),
    "setting-unknown": (
        "setting-left-out",
        content(settings={"otel_enabled": True}),
        {"destination": there(content_fields=without("otel_enabled"))},
        "+",
        "+",
        ("otel_enabled is left out", "version does not know it"),
    ),
    "setting-of-kubernetes": (
        "setting-left-out",
        content(settings={"cpu_limit": 2.0}),
        {"source": off_host("source")},
        "+",
        "+",
        ("cpu_limit is left out", "Kubernetes"),
    ),
    "processes-of-a-document": (
        "setting-left-out",
        content(app_mode="static", settings={"min_processes": 1}),
        {},
        "+",
        "+",
        ("min_processes is left out", "static content has no processes"),
    ),
    "owner-unmapped": (
        "owner-unmapped",
        content(owner="carl"),
        {"source": here(users=(user("carl"),))},
        "!",
        "!",
        ("'carl'", "[users]", "[owners]", "principal_unmapped='fallback'"),
    ),
    "owner-fallback": (
        "owner-fallback",
        content(owner="carl"),
        {"mapping": Mapping(owner_fallback="bob"), "principal_unmapped": "fallback"},
        "+",
        "+",
        ("given to bob", "'carl'"),
    ),
    "owner-left-out": (
        "owner-unmapped",
        content(),
        {"mapping": Mapping(users={"alice": ""})},
        "!",
        "!",
        ("'alice' is left out by the mapping file", "--on-principal-unmapped fallback"),
    ),
    "owner-cannot-publish": (
        "owner-cannot-publish",
        content(owner="vera"),
        {},
        "!",
        "!",
        ("'vera'", "viewer", "[users]"),
    ),
    "owner-locked": (
        "owner-locked",
        content(),
        {
            "mapping": Mapping(users={"alice": "lena"}),
            "destination": there(
                users=(
                    user("admin", "administrator", "dst-"),
                    user("lena", locked=True),
                )
            ),
        },
        "!",
        "!",
        ("'lena'", "locked"),
    ),
    "not-administrator": (
        "not-administrator",
        content(owner="bob"),
        {"destination": as_publisher()},
        "!",
        "!",
        ("only administrators can give it to bob", "alice is publisher", "[users]"),
    ),
    "owner-ambiguous": (
        "owner-ambiguous",
        content(),
        {"destination": there(users=(user("admin"), user("alice"), user("alice", prefix="2-")))},
        "!",
        "!",
        ("unclear", "'alice'", "[users]"),
    ),
    "owner-unconfirmed": (
        "owner-unconfirmed",
        content(),
        {"destination": there(users=(user("admin"), user("alice", confirmed=False)))},
        "+",
        "+",
        ("'alice'", "not confirmed"),
    ),
    "user-locked": (
        "user-locked",
        content(has=details(permissions=(role("bob"),))),
        {"destination": there(users=(user("admin"), user("alice"), user("bob", locked=True)))},
        "+",
        "+",
        ("'bob'", "locked"),
    ),
    "permission-unmapped": (
        "user-unmapped",
        content(has=details(permissions=(role("carl"),))),
        {},
        "!",
        "!",
        ("'carl'", "[users]", "principal_unmapped='leave-out' (--on-principal-unmapped leave-out)"),
    ),
    "group-unmapped": (
        "group-unmapped",
        content(has=details(permissions=(role("team", kind="group"),))),
        {"principal_unmapped": "leave-out"},
        "+",
        "+",
        ("'team'", "left out"),
    ),
    "permission-left-out": (
        "permission-left-out",
        content(has=details(permissions=(role("bob"),))),
        {"mapping": Mapping(users={"bob": ""})},
        "+",
        "+",
        ("'bob'", "as the mapping says"),
    ),
    "collaborator-cannot-publish": (
        "collaborator-cannot-publish",
        content(has=details(permissions=(role("vera", "owner"),))),
        {},
        "!",
        "!",
        ("'vera' is only a viewer", "publisher", "--on-principal-unmapped"),
    ),
    "integration-missing": (
        "integration-missing",
        content(has=details(integrations=(GITHUB,))),
        {},
        "!",
        "!",
        ("'GitHub'", "[integrations]", "missing='without' (--on-missing without)"),
    ),
    "integration-without": (
        "integration-missing",
        content(has=details(integrations=(GITHUB,))),
        {"missing": "without"},
        "+",
        "+",
        ("'GitHub'",),
    ),
    "integration-left-out": (
        "integration-left-out",
        content(has=details(integrations=(GITHUB,))),
        {
            "mapping": Mapping(integrations={"GitHub": ""}),
            "source": here(integrations={"g": GITHUB}),
        },
        "+",
        "+",
        ("'GitHub' is left out",),
    ),
    "integrations-of-an-old-server": (
        "integration-missing",
        content(has=details(integrations=(GITHUB,))),
        {"destination": there(version="2024.05.0", integrations=None)},
        "!",
        "!",
        ("version has no OAuth integrations", "'GitHub'", "--on-missing without"),
    ),
    "integrations-several": (
        "integrations-several",
        content(has=details(integrations=(AZURE, GITHUB))),
        {"destination": there(version="2025.05.0", integrations={"a": AZURE, "g": GITHUB})},
        "!",
        "!",
        ("only 'Azure'", "not 'GitHub'", "--on-missing without"),
    ),
    "integration-request": (
        "integration-request",
        content(has=details(manifest=ManifestSnapshot(integration_requests=("GitHub",)))),
        {"destination": there(integrations={"a": AZURE})},
        "!",
        "!",
        ("requests the OAuth integration 'GitHub'", "build fails", "--on-missing without"),
    ),
    "environment-missing": (
        "environment-missing",
        content(environment="ghcr.io/r:1"),
        {"destination": off_host("destination", environments=(environment("ghcr.io/r:2"),))},
        "!",
        "!",
        ("'ghcr.io/r:1'", "[environments]", "--on-missing without"),
    ),
    "environment-on-a-local-server": (
        "environment-missing",
        content(environment="ghcr.io/r:1"),
        {"missing": "without"},
        "+",
        "+",
        ("does not run content in Kubernetes",),
    ),
    "environment-left-out": (
        "environment-left-out",
        content(environment="ghcr.io/r:1"),
        {
            "mapping": Mapping(environments={"ghcr.io/r:1": ""}),
            "source": off_host("source", environments=(environment("ghcr.io/r:1"),)),
            "destination": off_host("destination", environments=(environment("ghcr.io/r:2"),)),
        },
        "+",
        "+",
        ("'ghcr.io/r:1' is left out",),
    ),
    "environment-unknown-to-the-version": (
        "setting-left-out",
        content(environment="i"),
        {
            "destination": off_host(
                "destination",
                environments=(environment("i"),),
                content_fields=without("default_environment_guid", "default_image_name"),
            )
        },
        "+",
        "+",
        ("default execution environment is left out",),
    ),
    "image-missing": (
        "image-missing",
        content(has=details(manifest=ManifestSnapshot(image="ghcr.io/r:1"))),
        {"destination": off_host("destination", environments=(environment("ghcr.io/r:2"),))},
        "!",
        "!",
        ("names the image 'ghcr.io/r:1'", "not changed", "--on-missing without"),
    ),
    "runtime-missing": (
        "runtime-missing",
        content(versions={"python": "3.9.1"}),
        {},
        "!",
        "!",
        ("Python 3.9.1", "3.11.10, 3.12.7", "install it", "--on-missing without"),
    ),
    "runtime-none": (
        "runtime-missing",
        content(versions={"nodejs": "22.0.0"}),
        {"missing": "without"},
        "+",
        "+",
        ("Node.js 22.0.0", "has none"),
    ),
    "runtime-of-the-manifest": (
        "runtime-missing",
        content(has=details(manifest=ManifestSnapshot(r="3.6.3"))),
        {},
        "!",
        "!",
        ("R 3.6.3",),
    ),
    "runtime-other": (
        "runtime-other",
        content(versions={"python": "3.12.1"}),
        {},
        "+",
        "+",
        ("Python 3.12.7 instead of 3.12.1",),
    ),
    "quarto-is-a-hint": (
        "runtime-other",
        content(versions={"quarto": "1.2.1"}),
        {},
        "+",
        "+",
        ("Quarto 1.5.57 instead of 1.2.1",),
    ),
    "value-missing": (
        "value-missing",
        content(has=details(variables=("TOKEN",))),
        {},
        "?",
        "?",
        ("TOKEN", "[env]", "value_missing='unset' (--on-value-missing unset)"),
    ),
    "value-unset": (
        "value-missing",
        content(has=details(variables=("TOKEN",))),
        {"value_missing": "unset"},
        "+",
        "+",
        ("TOKEN", "set it by hand"),
    ),
    "value-kept": (
        "value-kept",
        content(title="New", has=details(variables=("TOKEN",))),
        {
            "value_missing": "unset",
            "mapping": ADOPT,
            "destination": there(content=(existing(has=details(variables=("TOKEN",))),)),
        },
        "~",
        "+",
        ("TOKEN keeps the value",),
    ),
    "values-replaced": (
        "values-replaced",
        content(title="New", has=details(variables=("TOKEN",))),
        {
            "mapping": msgspec.structs.replace(ADOPT, env={"TOKEN": ValueSource(environ="T")}),
            "values": {"T": "secret"},
            "destination": there(content=(existing(has=details(variables=("TOKEN",))),)),
        },
        "~",
        "+",
        ("TOKEN", "undo cannot"),
    ),
    "schedule": (
        "schedule",
        content(schedules=("every day",)),
        {},
        "+",
        "+",
        ("by hand: every day",),
    ),
    "name-taken": (
        "name-taken",
        content(),
        {"destination": there(content=(existing(),))},
        "!",
        "!",
        (
            "alice has content named 'sales' on the destination (there-alice-sales)",
            "name_taken='rename' (--on-name-taken rename)",
            '"guid-of-alice-sales" = "there-alice-sales" in [content]',
        ),
    ),
    "name-skipped": (
        "name-taken",
        content(),
        {"destination": there(content=(existing(),)), "name_taken": "skip"},
        "-",
        "-",
        ("skipped",),
    ),
    "name-renamed": (
        "name-taken",
        content(),
        {"destination": there(content=(existing(),)), "name_taken": "rename"},
        "+",
        "+",
        ("renamed to 'sales-2'",),
    ),
    "name-with-a-period": (
        "name-taken",
        content("a.b"),
        {"destination": there(version="2023.09.0")},
        "!",
        "!",
        ("refuses the period in the name 'a.b'", "--on-name-taken rename"),
    ),
    "vanity-taken": (
        "vanity-taken",
        content(vanity="/sales/"),
        {"destination": there(vanities={"/sales/": "other"})},
        "+",
        "+",
        ("/sales/ is taken by other", "without it", "vanity_taken='take' (--on-vanity-taken take)"),
    ),
    "vanity-above": (
        "vanity-taken",
        content(vanity="/sales/eu/"),
        {"destination": there(vanities={"/sales/": "other"}), "vanity_taken": "take"},
        "+",
        "+",
        ("cannot be used because of /sales/ by other", "without it"),
    ),
    "vanity-below": (
        "vanity-taken",
        content(vanity="/sales/"),
        {"destination": there(vanities={"/sales/eu/": "other"}), "vanity_taken": "skip"},
        "-",
        "-",
        ("because of /sales/eu/ by other: skipped",),
    ),
    "vanity-take": (
        "vanity-taken",
        content(vanity="/sales/"),
        {"destination": there(vanities={"/sales/": "other"}), "vanity_taken": "take"},
        "+",
        "+",
        ("taken over in the end",),
    ),
    "kind-differs": (
        "kind-differs",
        content(),
        {"mapping": ADOPT, "destination": there(content=(existing(app_mode="static"),))},
        "!",
        "!",
        ("it is python-shiny, and there-alice-sales is static", "[content]"),
    ),
    "origin-differs": (
        "origin-differs",
        content(),
        {
            "mapping": ADOPT,
            "destination": there(content=(existing(has=details(repository=git())),)),
        },
        "!",
        "!",
        ("comes from bundles, unlike there-alice-sales", "[content]"),
    ),
    "existing-locked": (
        "existing-locked",
        content(),
        {"mapping": ADOPT, "destination": there(content=(existing(locked=True),))},
        "!",
        "!",
        ("there-alice-sales is locked", "unlock it"),
    ),
    "existing-of-others": (
        "not-collaborator",
        content(),
        {
            "mapping": ADOPT,
            "destination": msgspec.structs.replace(
                as_publisher(), content=(existing(app_role="viewer"),)
            ),
        },
        "!",
        "!",
        ("can change there-alice-sales", "alice is neither"),
    ),
    "updated": (
        "updated",
        content(title="New"),
        {"mapping": ADOPT, "destination": there(content=(existing(title="Old"),))},
        "~",
        "+",
        ("title is 'New' instead of 'Old'",),
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_findings(name):
    """Each situation gives its finding, whose text says what was found and what to do."""
    kind, item, known, item_sign, sign, parts = ROWS[name]
    plan = planned(item, **known)
    found = [one for one in plan.items[0].findings if one.kind == kind]
    assert [one.sign for one in found] == [sign], plan.items[0].findings
    for part in parts:
        assert part in found[0].text
    assert plan.items[0].sign == item_sign, plan.items[0].findings
    assert plan.has_conflicts == (item_sign in {"!", "?"})


def test_what_can_be_migrated_as_it_is_has_no_findings():
    """Nothing is said about an item without anything to say, and all of it is carried."""
    item = content(
        title="Sales",
        settings={"max_processes": 3, "description": "About", "content_category": "mcp"},
        tags=(("Team", "Red"),),
        vanity="/sales/",
        locked=True,
        locked_message="Later",
        versions={"python": "3.11.10"},
        has=details(permissions=(role("bob"), role("analysts", "owner", "group"))),
    )
    (one,) = planned(item).items
    assert (one.sign, one.findings) == ("+", ())
    expected = msgspec.structs.replace(
        item,
        guid="",
        details=msgspec.structs.replace(
            item.details, permissions=tuple(sorted(item.details.permissions))
        ),
    )
    assert one.target == expected
    assert one.owner_guid == "dst-alice-guid"


GENERAL: dict[str, tuple[Any, dict[str, Any], str, str]] = {
    # kind: (content, what else, sign, a part of the text)
    "lost": (content(), {}, "+", "ids and addresses"),
    "schedules": (content(schedules=("a", "b")), {}, "+", "2 schedules"),
    "package-repositories": (
        content(has=details(manifest=ManifestSnapshot(repositories=("https://p.example",)))),
        {},
        "+",
        "https://p.example",
    ),
    "manifests-unread": (
        content(has=details(manifest=None, unreadable=("manifest",))),
        {},
        "+",
        "1 item ",
    ),
    "grants": (content(app_role="none"), {"options": Options(grant_self=True)}, "+", "1 grant on"),
    "tags-missing": (
        content(tags=(("Team", "Blue"),)),
        {"destination": as_publisher()},
        "!",
        "Team/Blue; create them there",
    ),
    "not-publisher": (
        content(),
        {"destination": there(me=user("vera", "viewer", "dst-"))},
        "!",
        "vera is viewer",
    ),
    "lock-source": (
        content(),
        {
            "options": Options(lock_source="moved"),
            "source": here(content_fields=without("locked")),
        },
        "!",
        "--lock-source",
    ),
    "version-hidden": (content(), {"destination": there(version=None)}, "+", "version="),
    "limits": (content(settings={"max_processes": 9}), {}, "+", "max_processes"),
    "open-access": (content(access_type="all"), {}, "+", "1 item "),
    "vanities-unlisted": (
        content(vanity="/a/"),
        {"destination": msgspec.structs.replace(as_publisher(), vanities=None)},
        "+",
        "1 vanity URL:",
    ),
    "retention": (content(), {"options": Options(bundles="all")}, "+", "bundles"),
    "thumbnails": (content(), {"destination": there(version="2024.05.0")}, "+", "lost"),
    "runtimes-unknown": (
        content(versions={"r": "4.4.2"}),
        {"destination": there(runtimes=Runtimes())},
        "+",
        "versions of R",
    ),
}


@pytest.mark.parametrize("kind", GENERAL)
def test_general_findings(kind):
    """What is to be known about the whole migration is said once."""
    item, known, sign, part = GENERAL[kind]
    plan = planned(item, **known)
    found = [one for one in plan.findings if one.kind == kind]
    assert [one.sign for one in found] == [sign], plan.findings
    assert part in found[0].text


def test_each_kind_has_a_row():
    """No check finds what no row of these tables shows."""
    folder = Path(planning.__file__).parent
    checks = "".join(path.read_text("utf-8") for path in folder.glob("checks/*.py"))
    kinds = set(re.findall(r"draft\.(?:find|inform|find_missing)\(\s*\"([a-z-]+)\"", checks))
    assert kinds
    assert kinds <= {kind for kind, *_ in ROWS.values()}
    general = (folder / "general.py").read_text("utf-8")
    assert set(re.findall(r"yield \"([a-z-]+)\"", general)) == GENERAL.keys()


def test_a_skipped_item_needs_no_decision():
    """A conflict of an item that is skipped, or cannot be carried, does not stop the plan."""
    lost = content("a", "carl", has=details(bundles=(), variables=("TOKEN",)))
    locked = content("b", "carl", locked=True)
    plan = planned(lost, locked, locked="skip")
    assert [one.sign for one in plan.items] == ["x", "-"]
    assert not plan.has_conflicts
    assert plan.principals == ()


def test_skipping_comes_before_other_conflicts():
    """An item that is skipped because its name is taken needs no decision about anything else."""
    item = content(has=details(variables=("TOKEN",), permissions=(role("carl"),)))
    plan = planned(item, destination=there(content=(existing(),)), name_taken="skip")
    assert plan.items[0].sign == "-"
    assert not plan.has_conflicts


def test_own_content_needs_no_grant():
    """Where the server does not say the role, the owner of the key can download what they own."""
    (one,) = planned(content(owner="admin", app_role=None)).items
    assert (one.sign, one.needs_grant) == ("+", False)


def test_versions_are_those_of_the_environment():
    """In Kubernetes, the versions of the chosen environment count, and else those of all."""
    environments = (environment("a", python=("3.9.1",)), environment("b", python=("3.12.7",)))
    destination = off_host("destination", environments=environments, runtimes=Runtimes(python=()))
    item = content(environment="a", versions={"python": "3.12.7"})
    (one,) = planned(item, destination=destination).items
    assert [found.kind for found in one.findings] == ["runtime-missing"]
    (one,) = planned(msgspec.structs.replace(item, environment=None), destination=destination).items
    assert one.findings == ()


def test_an_environment_is_described_as_the_destination_does():
    """The image is what reading the destination again gives, so that both can be compared."""
    destination = off_host("destination", environments=(environment("image", "Title"),))
    (one,) = planned(content(environment="image"), destination=destination).items
    assert (one.target.environment, one.environment_guid) == ("image", "env-image")


def test_an_older_destination_takes_the_image():
    """A version that has no guids of environments gets the name of the image."""
    destination = off_host(
        "destination",
        environments=(environment("image", "Title"),),
        content_fields=without("default_environment_guid"),
    )
    (one,) = planned(content(environment="image"), destination=destination).items
    assert one.environment_guid is None
    assert one.target.settings == {"default_image_name": "image"}


def test_requests_of_a_manifest_match_by_name_guid_or_type():
    """Names are regular expressions, and older destinations read no requests."""
    destination = there(integrations={"the-guid": GITHUB})
    for request in ("GitHub", "^Git", "the-guid", "github"):
        manifest = ManifestSnapshot(integration_requests=(request,))
        (one,) = planned(content(has=details(manifest=manifest)), destination=destination).items
        assert one.findings == (), request
    unknown = content(has=details(manifest=ManifestSnapshot(integration_requests=("(",))))
    assert planned(unknown, destination=destination).items[0].sign == "!"
    old = msgspec.structs.replace(destination, version="2025.08.0")
    assert planned(unknown, destination=old).items[0].sign == "+"


def test_all_bundles_or_the_active_one():
    """The active bundle is marked, also if only the content says which it is."""
    bundles = (BundleSnapshot(id="2", size=5), BundleSnapshot(id="1", size=3))
    item = content(has=details(bundles=bundles))
    (one,) = planned(item).items
    assert one.target.details.bundles == (BundleSnapshot(id="1", size=3, active=True),)
    plan = planned(item, options=Options(bundles="all"))
    assert [bundle.id for bundle in plan.items[0].target.details.bundles] == ["2", "1"]
    assert plan.bytes_total == 8


def test_existing_content_keeps_its_name():
    """Content that the plan did not make is not renamed, and its own name is not taken."""
    destination = there(content=(existing("other-2"), existing("sales")))
    mapping = Mapping(content={"guid-of-alice-sales": "there-alice-other-2"})
    (one,) = planned(content(), mapping=mapping, destination=destination).items
    assert (one.sign, one.target.name) == ("=", "other-2")


def test_nothing_to_do():
    """An update that would only take something away has nothing to do."""
    more = details(permissions=(role("bob"),), variables=("A",))
    destination = there(content=(existing(has=more, vanity="/a/", tags=(("Team", "Red"),)),))
    (one,) = planned(content(), mapping=ADOPT, destination=destination).items
    assert (one.sign, one.findings) == ("=", ())


def test_the_new_owner_has_no_permission():
    """A collaborator who becomes the owner has no entry; of two entries, the wider one counts."""
    permissions = (role("alice", "owner"), role("bob"), role("vera"))
    mapping = Mapping(users={"vera": "bob", "alice": "bob"})
    item = content(owner="alice", has=details(permissions=permissions))
    (one,) = planned(item, mapping=mapping).items
    assert one.target.owner == "bob"
    assert one.target.details.permissions == ()
    mapping = Mapping(users={"vera": "bob"})
    both = details(permissions=(role("bob", "owner"), role("vera")))
    (one,) = planned(content(has=both), mapping=mapping).items
    assert one.target.details.permissions == (role("bob", "owner"),)


def test_two_integrations_with_one_counterpart():
    """The same integration is associated once."""
    destination = there(integrations={"g": GITHUB})
    mapping = Mapping(integrations={"Azure": "GitHub"})
    source = here(integrations={"a": AZURE, "h": GITHUB})
    item = content(has=details(integrations=(AZURE, GITHUB)))
    (one,) = planned(item, mapping=mapping, source=source, destination=destination).items
    assert one.integration_guids == ("g",)
    assert one.target.details.integrations == (GITHUB,)


def test_content_is_mapped_to_what_exists_once():
    """Unknown content, and content for two items, is refused with its guid."""
    with pytest.raises(InvalidArgumentError, match="there-alice-sales"):
        planned(content(), mapping=ADOPT)
    mapping = Mapping(content={"a": "there-alice-sales", "b": "there-alice-sales"})
    with pytest.raises(InvalidArgumentError, match="to several items"):
        planned(content(), mapping=mapping, destination=there(content=(existing(),)))


def test_long_names_stay_valid():
    """A suffix takes the place of the end of a name with 64 characters."""
    name = "n" * 64
    destination = there(content=(existing(name), existing("n" * 62 + "-2")))
    (one,) = planned(content(name), destination=destination, name_taken="rename").items
    assert one.target.name == "n" * 62 + "-3"


def test_names_with_periods_are_renamed_for_old_servers():
    """Where the destination refuses periods, hyphens take their place."""
    old = there(version="2023.09.0", content=(existing("a-b"),))
    plan = planned(content("a.b"), content("c.d"), destination=old, name_taken="rename")
    assert [one.target.name for one in plan.items] == ["a-b-2", "c-d"]


def with_people(item, *changes, **known):
    people = msgspec.structs.replace(inputs(item, **known), people=changes)
    (one,) = make_plan(people, plan_id=PLAN_ID, now=NOW).items
    return one


@pytest.mark.parametrize("others", [(), (environment("other", python=("3.9.1",)),)])
def test_an_environment_that_is_created_first(others):
    """It has the versions that it is created with, also if it is the first one."""
    after = {"title": "New", "python": {"installations": [{"version": "3.12.7", "path": "/py"}]}}
    one = with_people(
        content(environment="image", versions={"python": "3.12.7"}),
        Change(kind="create-environment", name="image", after=after),
        source=off_host("source", environments=(environment("image"),)),
        destination=off_host("destination", environments=others, runtimes=Runtimes(python=())),
    )
    assert (one.sign, one.findings) == ("+", ())
    assert one.target.environment == "image"


def test_a_locked_user_who_is_created_first():
    """Nothing is given to somebody who will be locked, as to somebody who is."""
    source = here(users=(*here().users, user("ivan", prefix="src-", locked=True)))
    changes = [
        Change(kind="create-user", name="ivan", after={"user_role": "publisher"}),
        Change(kind="lock-user", name="ivan"),
    ]
    for number, sign in ((1, "+"), (2, "!")):
        item = content(owner="ivan")
        one = with_people(item, *changes[:number], source=source, destination=there())
        assert one.sign == sign
    assert [found.kind for found in one.findings] == ["owner-locked"]


def test_people_who_are_created_first_are_known():
    """They are those of the source, whatever users and groups are matched by."""
    changes = [
        Change(kind="create-user", name="ivan", after={"user_role": "publisher"}),
        Change(kind="create-group", name="auditors"),
    ]
    source = here(
        users=(*here().users, user("ivan", prefix="src-", external_id="7")),
        groups=(GroupSnapshot(guid="g", name="auditors"),),
    )
    item = content(owner="ivan", has=details(permissions=(role("auditors", kind="group"),)))
    mapping = Mapping(match_users=("external_id",), match_groups=())
    one = with_people(item, *changes, source=source, destination=there(), mapping=mapping)
    assert (one.sign, one.owner_guid) == ("+", "new:user:ivan")
    assert one.target.details.permissions == item.details.permissions


def test_a_manifest_names_the_r_that_wrote_it():
    """Content that was built without R, or is static, needs none."""
    manifest = details(manifest=ManifestSnapshot(r="3.0.0"))
    for item in (
        content(has=manifest, versions={"python": "3.12.7"}),
        content(has=manifest, app_mode="static"),
    ):
        assert planned(item).items[0].findings == ()
    assert planned(content(has=manifest)).items[0].sign == "!"


def test_the_message_of_a_former_lock():
    """An older destination does not get it."""
    destination = there(content_fields=without("locked", "locked_message"))
    (one,) = planned(content(locked_message="Later"), destination=destination).items
    assert one.target.locked_message is None


def test_a_collaborator_updates_content_that_keeps_its_owner():
    """Only another owner takes an administrator."""
    destination = msgspec.structs.replace(
        there(content=(existing(title="Old"),)), me=user("bob", prefix="dst-")
    )
    item = content(title="New")
    (one,) = planned(item, mapping=ADOPT, destination=destination).items
    assert one.sign == "~"
    mapping = msgspec.structs.replace(ADOPT, users={"alice": "bob"})
    (one,) = planned(item, mapping=mapping, destination=destination).items
    assert [found.kind for found in one.findings] == ["not-administrator"]


def test_what_cannot_be_compared_is_updated():
    """Content whose bundle is no longer stored is not taken for what the source has."""
    gone = details(bundles=(BundleSnapshot(id="7", size=0, active=True),))
    (one,) = planned(
        content(), mapping=ADOPT, destination=there(content=(existing(has=gone),))
    ).items
    assert one.sign == "~"
    assert "it is not known what it has of: bundle" in one.findings[-1].text


def test_principals_that_were_created_again():
    """After a plan is refreshed, each user is there once, with the guid of now."""
    first = inputs(content(has=details(permissions=(role("bob"),))))
    plan = make_plan(first, plan_id=PLAN_ID, now=NOW)
    users = (*there().users[:2], user("bob", prefix="new-"), user("vera", "viewer", "dst-"))
    fresh = msgspec.structs.replace(
        first, destination=there(users=users), changed=plan.items, principals=plan.principals
    )
    again = make_plan(fresh, plan_id=PLAN_ID, now=NOW)
    assert {one.source: one.target_guid for one in again.principals}["bob"] == "new-bob-guid"
    assert len(again.principals) == len(plan.principals)

"""The execution environment and the versions of languages that a build uses.

Decides which of those that the server has suit a bundle. On a server that runs content itself, the
environment that a manifest names has no effect.
"""

from typing import Any, cast

from aconnect.testing.connect.dialect import Call
from aconnect.testing.connect.routes.content._languages import MANAGED, VERSIONS
from aconnect.testing.connect.routes.environments import may_use
from aconnect.testing.connect.state import Bundle
from aconnect.testing.wire import Row


def choose(call: Call, content: Row, bundle: Bundle) -> tuple[Row, list[str]]:
    """Return the fields that a successful build sets, and the reasons why it fails.

    Of each language, the build uses the newest version with the requested major and minor number,
    or else the newest version.
    """
    environment, problems = _environment(call, content, bundle.manifest)
    results: Row = {}
    if environment is not None:
        results.update(
            cluster_name=environment["cluster_name"],
            image_name=environment["name"],
            environment_guid=environment["guid"],
        )
    elif problems:
        return {}, problems
    for language, wanted in _requested(bundle).items():
        version = _nearest(_installed(call, environment, language), wanted)
        if version is None:
            problems.append(f"no installation of {language} for version {wanted}")
        results[VERSIONS[language]] = version
        if language in MANAGED:
            results[MANAGED[language]] = _is_managed(content, bundle.manifest, language)
    return results, problems


def _environment(call: Call, content: Row, manifest: Row) -> tuple[Row | None, list[str]]:
    """Return the environment of a build; the one in the manifest precedes that of the content."""
    if not call.state.is_off_host:
        return None, []
    usable = [row for row in call.state.environments.values() if may_use(call, row)]
    image = _section(manifest, "environment").get("image") or content["default_image_name"]
    guid = None if image else content["default_environment_guid"]
    for row in usable:
        if (image or row["name"]) == row["name"] and (guid or row["guid"]) == row["guid"]:
            return row, []
    return None, [f"no environment for {image or guid or 'the content'}"]


def _requested(bundle: Bundle) -> dict[str, str]:
    """Return the versions that a bundle needs by language: as its manifest says, or as before."""
    manifest = bundle.manifest
    requested = {
        "r": manifest.get("platform"),
        "python": _section(manifest, "python").get("version"),
        "quarto": _section(manifest, "quarto").get("version"),
        "nodejs": _section(manifest, "nodejs").get("version"),
    }
    built = {name: bundle.row.get(field) for name, field in VERSIONS.items()}
    versions = {name: version or built[name] for name, version in requested.items()}
    return {name: version for name, version in versions.items() if isinstance(version, str)}


def _installed(call: Call, environment: Row | None, language: str) -> list[str]:
    if environment is None:
        return [*call.state.runtimes[language]]
    return [row["version"] for row in environment[language]["installations"]]


def _nearest(installed: list[str], wanted: str) -> str | None:
    minor = wanted.split(".")[:2]
    return max(
        installed,
        key=lambda version: (version.split(".")[:2] == minor, _numbers(version)),
        default=None,
    )


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdecimal()]


def _is_managed(content: Row, manifest: Row, language: str) -> bool:
    management = _section(manifest, "environment").get("environment_management", {})
    default = content[f"default_{MANAGED[language]}"]
    return bool(management.get(language, True if default is None else default))


def _section(manifest: Row, name: str) -> dict[str, Any]:
    """Return a section of a manifest; empty if it has none."""
    section = manifest.get(name)
    return cast("dict[str, Any]", section) if isinstance(section, dict) else {}

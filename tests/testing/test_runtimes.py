"""Versions of languages on content: what is seeded, and what builds set."""

from aconnect.testing import Seed
from tests.testing.deploying import follow


async def test_seeded_versions(serving):
    """Content has the versions of its languages; some of them are no longer installed."""
    call = await serving(Seed(content=20))
    installed = {
        name: {
            row["version"]
            for row in (await call.json("GET", f"/v1/server_settings/{name}"))["installations"]
        }
        for name in ("r", "python", "quarto")
    }
    rows = await call.json("GET", "/v1/content")
    for field, name in (("r_version", "r"), ("py_version", "python"), ("quarto_version", "quarto")):
        used = {row[field] for row in rows} - {None}
        assert used & installed[name]
        assert used - installed[name]
    by_mode = {
        row["app_mode"]: {name for name, value in row.items() if "_version" in name and value}
        for row in rows
    }
    assert by_mode["python-fastapi"] == {"py_version"}
    assert by_mode["shiny"] == {"r_version"}
    assert by_mode["static"] == set()
    for row in rows:
        assert row["py_environment_management"] is (True if row["py_version"] else None)
        (bundle,) = await call.json("GET", f"/v1/content/{row['guid']}/bundles")
        assert (bundle["active"], bundle["py_version"]) == (True, row["py_version"])


async def test_a_build_of_outdated_content(serving):
    """A build without a request in the manifest uses the nearest version that is installed."""
    call = await serving(Seed(content=20))
    rows = call.server.state.content.values()
    row = next(row for row in rows if row["py_version"] == "3.11.4")
    path = f"/v1/content/{row['guid']}"
    task = await call.json("POST", f"{path}/build", json={"bundle_id": row["bundle_id"]})
    await follow(call, task["task_id"])
    assert (await call.json("GET", path))["py_version"] == "3.11.10"

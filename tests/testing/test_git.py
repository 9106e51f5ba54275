"""Content from Git: its deployments make bundles."""

import hashlib

from tests.testing.deploying import follow

REPOSITORY = {"repository": "https://example.com/app.git", "branch": "trunk", "directory": "sub"}


async def test_bundles_from_git(call):
    """Each deployment fetches a bundle with its origin, which can be read like another."""
    guid = (await call.json("POST", "/v1/content", json={"name": "app"}))["guid"]
    path = f"/v1/content/{guid}"
    assert (await call("POST", f"{path}/deploy", json={})).status == 400
    repository = await call.json("PUT", f"{path}/repository", json=REPOSITORY)
    for count in (1, 2):
        if count == 2:
            call.server.state.repositories[guid]["last_known_commit"] = "0" * 40
        task = await call.json("POST", f"{path}/deploy", json={})
        await follow(call, task["task_id"])
        bundles = await call.json("GET", f"{path}/bundles")
        assert len(bundles) == count
        assert (await call.json("GET", path))["bundle_id"] == bundles[-1]["id"]
    first, second = bundles
    assert (first["active"], second["active"]) == (False, True)
    for bundle, commit in ((first, repository["last_known_commit"]), (second, "0" * 40)):
        metadata = bundle["metadata"]
        assert [metadata[f"source{name}"] for name in ("", "_repo", "_branch", "_commit")] == [
            "git",
            REPOSITORY["repository"],
            "trunk",
            commit,
        ]
        download = await call("GET", f"{path}/bundles/{bundle['id']}/download")
        digest = hashlib.md5(download.body, usedforsecurity=False).hexdigest()
        assert digest == metadata["archive_md5"]
        files = await call.json("GET", f"{path}/bundles/{bundle['id']}/files")
        assert "manifest.json" in {file["path"] for file in files["files"]}
    async with call.session.get(
        f"{call.server.url}/content/{guid}/",
        headers={"Authorization": f"Key {call.server.api_key}"},
    ) as response:
        assert response.status == 200


async def test_an_earlier_bundle(call):
    """A deployment of a given bundle fetches nothing."""
    guid = (await call.json("POST", "/v1/content", json={"name": "app"}))["guid"]
    path = f"/v1/content/{guid}"
    await call("PUT", f"{path}/repository", json=REPOSITORY)
    body: dict[str, object] = {}
    for _ in range(3):
        await follow(call, (await call.json("POST", f"{path}/deploy", json=body))["task_id"])
        bundles = await call.json("GET", f"{path}/bundles")
        body = {"bundle_id": bundles[0]["id"]} if len(bundles) == 2 else {}
    bundles = await call.json("GET", f"{path}/bundles")
    assert [bundle["active"] for bundle in bundles] == [True, False]

"""Bundles and deployments, for tests of the simulated server."""

import io
import tarfile
from typing import Any

import msgspec

from aconnect.testing.connect.routes.content.bundles import small_archive


def packed(**files: bytes) -> bytes:
    """Return a gzipped archive of files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def manifest(*files: str, mode: str = "static", **more: Any) -> bytes:
    """Return a manifest that lists these files."""
    row = {"version": 1, "metadata": {"appmode": mode, "entrypoint": "app"}, "files": files}
    return msgspec.json.encode({**row, **more})


async def upload(call, path, data, **headers):
    """Upload an archive and return the reply."""
    key = {"Authorization": f"Key {call.server.api_key}"}
    return await call("POST", f"{path}/bundles", data=data, headers={**key, **headers})


async def follow(call, task_id):
    """Poll a task until it finishes, and return all polls."""
    polls: list[Any] = []
    first = 0
    while not polls or not polls[-1]["finished"]:
        polls.append(
            await call.json("GET", f"/v1/tasks/{task_id}", params={"first": first, "wait": 30})
        )
        first = polls[-1]["last"]
    return polls


async def deploy(call, guid, mode="static", **instructions):
    """Upload the smallest bundle of a kind, deploy it, and return its id."""
    path = f"/v1/content/{guid}"
    bundle = (await upload(call, path, small_archive(mode)[0])).json()["id"]
    body = {"bundle_id": bundle, **instructions}
    await follow(call, (await call.json("POST", f"{path}/deploy", json=body))["task_id"])
    return bundle

"""Git repositories of content, which exclude uploaded bundles."""

from datetime import datetime
from hashlib import sha1
from typing import Any
from urllib.parse import urlsplit

from aconnect.testing.connect.archives import Archive
from aconnect.testing.connect.dialect import ApiFault, Call, bad_request, not_found, route
from aconnect.testing.connect.routes._checks import FLAG, TEXT, chosen, existing
from aconnect.testing.connect.routes.content._items import content_of
from aconnect.testing.connect.routes.content.bundles import small_archive, store
from aconnect.testing.wire import Response, Row, empty, ok

_KINDS = {"repository": TEXT, "branch": TEXT, "directory": TEXT, "polling": FLAG}


def new_repository(repository: str, time: datetime, **more: Any) -> Row:
    """Return a new Git repository that was fetched successfully."""
    return {
        "repository": repository,
        "branch": "main",
        "directory": ".",
        "polling": False,
        "last_error": "",
        "last_known_commit": sha1(repository.encode(), usedforsecurity=False).hexdigest(),
        "last_fetched_time": time,
        **more,
    }


def fetched(call: Call, content: Row) -> str | None:
    """Fetch the repository of a content item into a new bundle, and return its id, if it has one.

    The repository of the simulation has a static site.
    """
    repository = call.state.repositories.get(content["guid"])
    if repository is None:
        return None
    now = call.state.now()
    repository["last_fetched_time"] = now
    data, manifest = small_archive("static")
    row = store(call.state, content, call.user["guid"], Archive.of(data), manifest, now)
    row["metadata"].update(
        source="git",
        source_repo=repository["repository"],
        source_branch=repository["branch"],
        source_commit=repository["last_known_commit"],
    )
    return str(row["id"])


@route("GET", "/v1/content/{guid}/repository", since=(2022, 12, 0))
def get_repository(call: Call) -> Response:
    """Return the repository, if there is one."""
    guid = content_of(call, edit=True)["guid"]
    return ok(existing(call.state.repositories, guid, "The Git repository of this content item"))


@route("PUT", "/v1/content/{guid}/repository", role="publisher", since=(2022, 12, 0))
async def put_repository(call: Call) -> Response:
    """Set or replace the repository of content without uploaded bundles."""
    content = content_of(call, edit=True)
    guid = content["guid"]
    body = chosen(await call.fields("repository"), _KINDS)
    _judge(body)
    state = call.state
    if guid not in state.repositories and state.bundles.get(guid):
        raise ApiFault(409, 143, "The content has bundles that do not come from Git.")
    row = state.repositories[guid] = new_repository(body.pop("repository"), state.now(), **body)
    return ok(row)


@route("PATCH", "/v1/content/{guid}/repository", role="publisher", since=(2022, 12, 0))
async def update_repository(call: Call) -> Response:
    """Change the repository; it is reported as fetched immediately."""
    row = call.state.repositories.get(content_of(call, edit=True)["guid"])
    body = chosen(await call.fields(), _KINDS)
    _judge(body)
    if row is None:
        raise ApiFault(409, 143, "The content does not come from Git.")
    row.update(body, last_fetched_time=call.state.now())
    return ok(row)


@route("DELETE", "/v1/content/{guid}/repository", role="publisher", since=(2022, 12, 0))
def delete_repository(call: Call) -> Response:
    """Remove the repository, and keep deployed bundles."""
    guid = content_of(call, edit=True)["guid"]
    if call.state.repositories.pop(guid, None) is None:
        raise not_found("The Git repository of this content item")
    return empty()


def _judge(body: Row) -> None:
    """Refuse addresses that Connect cannot fetch from."""
    if "repository" not in body:
        return
    parts = urlsplit(str(body["repository"]))
    if parts.scheme not in {"http", "https"}:
        raise bad_request("The repository must be fetched by http or https.", 164)
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise bad_request("The repository must be a plain, absolute address.", 146)

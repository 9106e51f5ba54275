"""The pages that a browser shows: content, drafts, thumbnails, the dashboard and the login.

Decides which addresses outside the API have a page, and who may see it. The pages show little more
than the title of the content, and there are no forms. With `apps` of the state, content responds.
Content that is not public sends a visitor without an API key to the login, as on a real server.
"""

import re
from collections.abc import Callable
from html import escape
from http import HTTPStatus
from inspect import isawaitable
from typing import TypeAlias
from urllib.parse import quote

from aconnect.testing.connect.dialect import Call, forbidden, not_found
from aconnect.testing.connect.routes.content._items import is_collaborator, may_view
from aconnect.testing.connect.routes.content.thumbnail import media_type
from aconnect.testing.connect.state import State
from aconnect.testing.wire import Response, Row, ServiceFault, empty, ok

# The server does not receive what follows `#`.
_DASHBOARD = """<p>This simulated server has no dashboard.</p>
<script>
const [, guid] = location.hash.match(/^#\\/apps\\/([-0-9a-f]+)/) ?? [];
if (guid) location.replace(`../content/${guid}/`);
</script>"""

_LOGIN = """<p>This simulated server has no login form. Send an API key instead:</p>
<pre>curl -H "Authorization: Key $CONNECT_API_KEY" ...</pre>"""

_CONTENT = re.compile(r"/content/([^/]+)(/.*)?")
_DRAFT = re.compile(r"/_bundle(\d+)/?")

_READS = frozenset({"GET", "HEAD"})
_APIS = frozenset({"api", "python-api", "python-fastapi", "tensorflow-saved-model"})

Authenticate: TypeAlias = Callable[[Call], None]
"""Sets the user of a call, or raises a fault."""


async def page_of(call: Call, authenticate: Authenticate) -> Response | None:
    """Return the response at a path outside the API, or None if there is none."""
    guid, path = _address(call.state, call.path)
    row = call.state.content.get(guid)
    if row is not None:
        return await _of_content(call, row, path, authenticate)
    if call.request.method not in _READS:
        return None
    match call.path.rstrip("/"):
        case "":
            return _redirect(f"{call.host.url}/connect/")
        case "/connect":
            return _page("Posit Connect", _DASHBOARD)
        case "/__login__":
            return _page("Log in", _LOGIN)
        case _:
            return None


async def _of_content(
    call: Call, row: Row, path: str, authenticate: Authenticate
) -> Response | None:
    """Return the response of content at a path below its address."""
    is_read = call.request.method in _READS
    draft = _DRAFT.fullmatch(path) if is_read else None
    if draft is not None or row["access_type"] != "all":
        if not call.authorization:
            return _login(call)
        authenticate(call)
    elif call.authorization.lower().startswith("key "):
        # Other schemes are for the app itself.
        authenticate(call)
    if draft is not None:
        return _draft(call, row, draft[1])
    if call.user and not may_view(call, row):
        raise forbidden()
    if is_read and path.rstrip("/") == "/__thumbnail__":
        return _thumbnail(call, row)
    if row["bundle_id"] is None:
        raise not_found("The deployed content")
    return await _deployed(call, row, path)


async def _deployed(call: Call, row: Row, path: str) -> Response | None:
    """Return the response of the app of content, or else a page."""
    app = call.state.apps.get(row["guid"])
    if app is not None:
        call.path = path
        call.args = {"guid": row["guid"]}
        response = app(call)
        return await response if isawaitable(response) else response
    if call.request.method not in _READS:
        return None
    if path != "/" and _status(call, row["guid"], row["bundle_id"]) == 200:
        return _of_api(row, path) if row["app_mode"] in _APIS else None
    return _content(call, row, "Deployed", row["guid"], row["bundle_id"])


def _of_api(row: Row, path: str) -> Response | None:
    """Return the response of an API that has no app, so that clients have something to read."""
    match path:
        case "/health":
            return ok({"status": "ok"})
        case "/openapi.json":
            info = {"title": row["title"] or row["name"], "version": row["bundle_id"]}
            paths = {"/health": {"get": {"responses": {"200": {"description": "It runs."}}}}}
            return ok({"openapi": "3.1.0", "info": info, "paths": paths})
        case _:
            return None


def error(fault: ServiceFault) -> Response:
    """Return the page of a refusal."""
    return _page(HTTPStatus(fault.status).phrase, f"<p>{escape(fault.message)}</p>", fault.status)


def _draft(call: Call, row: Row, number: str) -> Response | None:
    """Return the page of a bundle that has been built; only collaborators may see it."""
    if not call.features.deploy_activate:
        return None
    if not is_collaborator(call, row):
        raise forbidden()
    bundle = call.state.bundles.get(row["guid"], {}).get(number)
    if bundle is None or not bundle.is_built:
        raise not_found("The draft")
    return _content(call, row, f"Draft of bundle {number}", number)


def _content(call: Call, row: Row, label: str, *keys: str) -> Response:
    """Return the page of content, with the first status that is set for one of the keys."""
    status = _status(call, *keys)
    if status // 100 == 3:
        return _login(call, status)
    return _page(row["title"] or row["name"], f"<p>{label} on a simulated server.</p>", status)


def _status(call: Call, *keys: str) -> int:
    statuses = call.state.content_status
    return next((statuses[key] for key in keys if key in statuses), 200)


def _thumbnail(call: Call, row: Row) -> Response | None:
    """Return the thumbnail of content, unless it was never deployed."""
    if not call.features.thumbnails or row["bundle_id"] is None:
        return None
    image = call.state.thumbnails.get(row["guid"])
    return empty() if image is None else Response(image, 200, media_type(image))


def _page(title: str, body: str, status: int = 200) -> Response:
    title = escape(title)
    html = f"<!doctype html>\n<meta charset=utf-8>\n<title>{title}</title>\n<h1>{title}</h1>\n"
    return Response(f"{html}{body}\n".encode(), status, "text/html; charset=utf-8")


def _login(call: Call, status: int = 302) -> Response:
    target = quote(f"{call.host.url}{call.path}", safe="")
    return _redirect(f"{call.host.url}/__login__?url={target}", status)


def _redirect(address: str, status: int = 302) -> Response:
    return Response(b"", status, None, {"Location": address})


def _address(state: State, path: str) -> tuple[str, str]:
    """Return the GUID of the content at a path, or "", and the path below its address.

    The address is that of the content or its vanity URL, with or without the final slash.
    """
    if match := _CONTENT.fullmatch(path):
        return match[1], match[2] or "/"
    for guid, vanity in state.vanities.items():
        if f"{path}/".startswith(vanity["path"]):
            return guid, path[len(vanity["path"]) - 1 :] or "/"
    return "", ""

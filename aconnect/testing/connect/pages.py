"""The pages that a browser shows: content, drafts, thumbnails, the dashboard and the login.

Decides which addresses outside the API have a page, and who may see it. The pages show little more
than the title of the content: it does not run, and there are no forms. Content that is not public
sends a visitor without an API key to the login, as on a real server.
"""

import re
from collections.abc import Callable
from html import escape
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import quote

from aconnect.testing.connect.dialect import Call, forbidden, not_found
from aconnect.testing.connect.routes.content._items import is_collaborator, may_view
from aconnect.testing.connect.routes.content.thumbnail import media_type
from aconnect.testing.connect.state import State
from aconnect.testing.wire import Response, Row, ServiceFault, empty

# The server does not receive what follows `#`.
_DASHBOARD = """<p>This simulated server has no dashboard.</p>
<script>
const [, guid] = location.hash.match(/^#\\/apps\\/([-0-9a-f]+)/) ?? [];
if (guid) location.replace(`../content/${guid}/`);
</script>"""

_LOGIN = """<p>This simulated server has no login form. Send an API key instead:</p>
<pre>curl -H "Authorization: Key $CONNECT_API_KEY" ...</pre>"""

_CONTENT = re.compile(r"/content/([^/]+)/(?:_bundle(\d+)/|(__thumbnail__)/)?")

Authenticate: TypeAlias = Callable[[Call], None]
"""Sets the user of a call, or raises a fault."""


def page_of(call: Call, authenticate: Authenticate) -> Response | None:
    """Return the page at a path outside the API, or None if there is none."""
    path = call.path.rstrip("/") + "/"
    if path == "/":
        return _redirect(f"{call.host.url}/connect/")
    if path == "/connect/":
        return _page("Posit Connect", _DASHBOARD)
    if path == "/__login__/":
        return _page("Log in", _LOGIN)
    guid, draft, thumbnail = _address(call.state, path)
    row = call.state.content.get(guid)
    if row is None:
        return None
    if draft or row["access_type"] != "all":
        if not call.authorization:
            return _login(call)
        authenticate(call)
    if draft:
        return _draft(call, row, draft)
    if row["access_type"] != "all" and not may_view(call, row):
        raise forbidden()
    return _thumbnail(call, row) if thumbnail else _deployed(call, row)


def error(fault: ServiceFault) -> Response:
    """Return the page of a refusal."""
    return _page(HTTPStatus(fault.status).phrase, f"<p>{escape(fault.message)}</p>", fault.status)


def _deployed(call: Call, row: Row) -> Response:
    """Return the page of content, which must have an active bundle."""
    if row["bundle_id"] is None:
        raise not_found("The deployed content")
    return _content(call, row, "Deployed", row["guid"], row["bundle_id"])


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
    statuses = call.state.content_status
    status = next((statuses[key] for key in keys if key in statuses), 200)
    if status // 100 == 3:
        return _login(call, status)
    return _page(row["title"] or row["name"], f"<p>{label} on a simulated server.</p>", status)


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


def _address(state: State, path: str) -> tuple[str, str | None, str | None]:
    """Return the content at a path that ends with a slash, and which of its pages it is.

    The path is that of the content or its vanity URL.
    """
    if match := _CONTENT.fullmatch(path):
        return match[1], match[2], match[3]
    guids = (guid for guid, vanity in state.vanities.items() if vanity["path"] == path)
    return next(guids, ""), None, None

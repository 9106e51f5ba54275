"""The pages that a browser shows: content, the dashboard and the login.

Decides which addresses outside the API have a page, and who may see it. The pages show little more
than the title of the content: it does not run, and there are no forms. Content that is not public
sends a visitor without an API key to the login, as on a real server.
"""

from collections.abc import Callable
from html import escape
from http import HTTPStatus
from urllib.parse import quote

from aconnect.testing.connect.dialect import Call, forbidden
from aconnect.testing.connect.routes.content._items import may_view
from aconnect.testing.connect.state import State
from aconnect.testing.wire import Response, Row, ServiceFault

# The server does not receive what follows `#`.
_DASHBOARD = """<p>This simulated server has no dashboard.</p>
<script>
const [, guid] = location.hash.match(/^#\\/apps\\/([-0-9a-f]+)/) ?? [];
if (guid) location.replace(`../content/${guid}/`);
</script>"""

_LOGIN = """<p>This simulated server has no login form. Send an API key instead:</p>
<pre>curl -H "Authorization: Key $CONNECT_API_KEY" ...</pre>"""


def page_of(call: Call, authenticate: Callable[[Call], None]) -> Response | None:
    """Return the page at a path outside the API, or None if there is none."""
    path = call.path.rstrip("/") + "/"
    if path == "/":
        return _redirect(f"{call.host.url}/connect/")
    if path == "/connect/":
        return _page("Posit Connect", _DASHBOARD)
    if path == "/__login__/":
        return _page("Log in", _LOGIN)
    row = _content_at(call.state, path)
    if row is None:
        return None
    if row["access_type"] != "all":
        if not call.authorization:
            target = quote(f"{call.host.url}{call.path}", safe="")
            return _redirect(f"{call.host.url}/__login__?url={target}")
        authenticate(call)
        if not may_view(call, row):
            raise forbidden()
    is_deployed = row["bundle_id"] is not None
    state = "Deployed" if is_deployed else "Not deployed yet"
    return _page(row["title"] or row["name"], f"<p>{state} on a simulated server.</p>")


def error(fault: ServiceFault) -> Response:
    """Return the page of a refusal."""
    return _page(HTTPStatus(fault.status).phrase, f"<p>{escape(fault.message)}</p>", fault.status)


def _page(title: str, body: str, status: int = 200) -> Response:
    title = escape(title)
    html = f"<!doctype html>\n<meta charset=utf-8>\n<title>{title}</title>\n<h1>{title}</h1>\n"
    return Response(f"{html}{body}\n".encode(), status, "text/html; charset=utf-8")


def _redirect(address: str) -> Response:
    return Response(b"", 302, None, {"Location": address})


def _content_at(state: State, path: str) -> Row | None:
    """Return the content at a path that ends with a slash: its own, or its vanity URL."""
    first, _, rest = path[1:-1].partition("/")
    if first == "content":
        return state.content.get(rest)
    for guid, vanity in state.vanities.items():
        if vanity["path"] == path:
            return state.content[guid]
    return None

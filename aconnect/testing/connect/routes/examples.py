"""Examples for new users; deprecated without a replacement."""

import io
import zipfile

from aconnect.testing.connect.dialect import Call, route
from aconnect.testing.connect.routes._checks import existing
from aconnect.testing.connect.state import State
from aconnect.testing.wire import Response, Row, ok

_NEW = (2023, 12, 0)
_PICTURE = b"\x89PNG\r\n\x1a\n"


def new_example(name: str) -> Row:
    """Return a new example; only its name is documented."""
    return {
        "name": name,
        "title": name.replace("-", " ").title(),
        "description": "Content for a first try.",
    }


def seed(state: State) -> None:
    """Add two examples."""
    state.examples = {name: new_example(name) for name in ("python-dash-demo", "shiny-demo")}


def _example(call: Call) -> Row:
    return existing(call.state.examples, call.args["name"], "The example")


@route("GET", "/v1/examples", since=_NEW, deprecated="n/a")
def find_examples(call: Call) -> Response:
    """List all examples, not paged."""
    return ok(list(call.state.examples.values()))


@route("GET", "/v1/examples/{name}/thumbnail", since=_NEW, deprecated="n/a")
def get_thumbnail(call: Call) -> Response:
    """Return an image."""
    return Response(_PICTURE + _example(call)["name"].encode(), content_type="image/png")


@route("GET", "/v1/examples/{name}/zip", since=_NEW, deprecated="n/a")
def get_zip(call: Call) -> Response:
    """Return an archive with one file."""
    name = _example(call)["name"]
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        # Without a modification time, the same example gives the same bytes.
        archive.writestr(zipfile.ZipInfo(f"{name}/README.md"), f"# {name}\n")
    return Response(raw.getvalue(), content_type="application/zip")

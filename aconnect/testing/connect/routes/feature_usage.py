"""The features that have been used."""

from aconnect.testing.connect.dialect import Call, route
from aconnect.testing.wire import Response, ok

_NEW = (2023, 12, 0)


@route("GET", "/v1/feature-usage", role="publisher", since=_NEW)
def get_feature_usage(call: Call) -> Response:
    """List the features, and whether they have been used."""
    state = call.state
    used = {
        "api-keys": bool(state.api_keys),
        "groups": bool(state.groups),
        "scheduled-content": False,
        "tags": any(state.content_tags.values()),
        "vanity-urls": bool(state.vanities),
    }
    return ok([{"name": name, "used": value} for name, value in used.items()])

"""Content items."""

from datetime import timedelta
from uuid import uuid4

from aconnect.testing.connect.dialect import (
    ROLES,
    ApiFault,
    Call,
    bad_request,
    forbidden,
    route,
)
from aconnect.testing.connect.manifests import mode_of, requests_of
from aconnect.testing.connect.routes._checks import (
    FLAG_NULL,
    TEXT_NULL,
    chosen,
    existing,
    remove_from,
)
from aconnect.testing.connect.routes.content._items import (
    RENDERED,
    content_of,
    included,
    may_view,
    new_content,
    sent_content,
)
from aconnect.testing.connect.routes.content._runs import start
from aconnect.testing.connect.routes.content._runtimes import choose
from aconnect.testing.connect.routes.content._settings import (
    CHANGEABLE,
    CREATABLE,
    given,
    judge,
)
from aconnect.testing.connect.routes.content.jobs import build_tag
from aconnect.testing.connect.routes.content.oauth import associate_requested
from aconnect.testing.connect.routes.content.repository import fetched
from aconnect.testing.connect.routes.content.variants import variants_of
from aconnect.testing.connect.state import Bundle, State, guid_of
from aconnect.testing.wire import Response, Row, empty, ok

_SEEDED_MODES = ("python-shiny", "quarto-static", "python-fastapi", "shiny", "rmd-static", "static")


def seed(state: State) -> None:
    """Add content of several types, owned by the first two users."""
    owners = [*state.users][:2]
    for i in range(state.seed.content):
        guid = guid_of("content", i)
        state.content[guid] = new_content(
            guid,
            state.next_number("content"),
            f"content-{i:04d}",
            owners[i % 2],
            state.seed.start - timedelta(days=100) + timedelta(minutes=i),
            title=f"Content {i}",
            access_type=("acl", "logged_in", "all")[i % 3],
            app_mode=_SEEDED_MODES[i % len(_SEEDED_MODES)],
        )
        state.jobs[guid] = {}


@route("GET", "/v1/content", since=(1, 8, 6))
def list_content(call: Call) -> Response:
    """List all content that the caller may view, not paged."""
    include = included(call)
    name, owner = call.value("name"), call.value("owner_guid")
    return ok(
        [
            sent_content(call, row, include)
            for row in call.state.content.values()
            if (not name or row["name"] == name)
            and (not owner or row["owner_guid"] == owner)
            and may_view(call, row)
        ]
    )


@route("POST", "/v1/content", role="publisher", since=(1, 8, 6))
async def create_content(call: Call) -> Response:
    """Create a content item, owned by the caller; make up a name if there is none."""
    return created(call, await call.fields())


def created(call: Call, fields: Row) -> Response:
    """Create a content item from the fields of a body."""
    body = given(call, fields, CREATABLE)
    guid = str(uuid4())
    name = body.setdefault("name", f"content-{guid}")
    judge(call, body, call.user["guid"])
    del body["name"]
    state = call.state
    number = state.next_number("content")
    row = state.content[guid] = new_content(
        guid, number, name, call.user["guid"], state.now(), **body
    )
    return ok(sent_content(call, row))


@route("GET", "/v1/content/{guid}", since=(1, 8, 6))
def get_content(call: Call) -> Response:
    """Get one content item."""
    include = included(call) if call.features.modern_fields else frozenset[str]()
    return ok(sent_content(call, content_of(call), include))


@route("PATCH", "/v1/content/{guid}", since=(1, 8, 6))
async def update_content(call: Call) -> Response:
    """Change the given fields; only an administrator may change the owner."""
    row = content_of(call, edit=True)
    body = given(call, await call.fields(), CHANGEABLE)
    owner = body.get("owner_guid") or row["owner_guid"]
    if owner != row["owner_guid"]:
        if not call.is_admin:
            raise forbidden()
        if ROLES[existing(call.state.users, owner, "The new owner")["user_role"]] < 1:
            raise ApiFault(403, 156, "The new owner must be allowed to publish.")
    judge(call, body, owner, row)
    row.update(body, owner_guid=owner)
    # The owner has all permissions without an entry.
    call.state.forbid(owner, row["guid"])
    return ok(sent_content(call, row))


@route("DELETE", "/v1/content/{guid}", since=(1, 8, 6))
def delete_content(call: Call) -> Response:
    """Delete a content item and everything that belongs to it."""
    state, guid = call.state, call.args["guid"]
    if guid in state.content:
        content_of(call, edit=True)
    remove_from(call, state.content, guid, "The content item")
    for bundle in state.bundles.pop(guid, {}).values():
        bundle.archive.close()
    for table in (
        state.jobs,
        state.environment,
        state.content_tags,
        state.vanities,
        state.permissions,
        state.bookmarks,
        state.thumbnails,
        state.oauth_associations,
        state.variants,
        state.repositories,
        state.schedules,
    ):
        table.pop(guid, None)
    return empty()


@route("POST", "/v1/content/{guid}/access-test", since=(2023, 12, 0))
def test_access(call: Call) -> Response:
    """Return whether the content is public; no request is made."""
    row = content_of(call, edit=True)
    public = row["access_type"] == "all"
    return ok(
        {
            "guid": row["guid"],
            "url": f"{call.host.url}/content/{row['guid']}/",
            "checked_at": call.state.now(),
            "accessible": public,
            "message": "" if public else "The content is not open to everybody.",
        }
    )


@route("POST", "/v1/content/{guid}/deploy", role="publisher", since=(1, 8, 6))
async def deploy_content(call: Call) -> Response:
    """Start a deployment."""
    return ok({"task_id": await _build_bundle(call)}, 202)


@route("POST", "/v1/content/{guid}/build", role="publisher", since=(2021, 11, 1))
async def build_content(call: Call) -> Response:
    """Start a build."""
    return ok({"task_id": await _build_bundle(call)})


def _refuse_locked(content: Row, code: int) -> None:
    if content["locked"]:
        raise ApiFault(409, code, f"The content is locked. {content['locked_message']}".strip())


async def _build_bundle(call: Call) -> str:
    """Build the given bundle, by default the active one; activate it unless disabled.

    Content from Git is fetched into a new bundle, if none is given.
    """
    content = content_of(call, edit=True)
    _refuse_locked(content, 222)
    # Older servers do not require a body.
    given = await call.fields() if call.request.can_read_body else {}
    if "activate" in given and not call.features.deploy_activate:
        raise bad_request("The field activate is not known.", 121)
    body = chosen(given, {"bundle_id": TEXT_NULL, "activate": FLAG_NULL})
    number = body.get("bundle_id") or fetched(call, content) or content["bundle_id"]
    if number is None:
        raise bad_request("The content has no bundle yet; name one in bundle_id.")
    bundle = existing(call.state.bundles.get(content["guid"], {}), number, "The bundle")
    mode = mode_of(bundle.manifest)
    if content["app_mode"] not in {"unknown", mode or content["app_mode"]}:
        raise bad_request(f"The type of the content is {content['app_mode']}, not {mode}.", 48)
    if bundle.row["size"] == 0:
        raise bad_request("The bundle is no longer on the disk.", 28)
    results, problems = choose(call, content, bundle)
    task = start(
        call.state,
        content,
        build_tag(mode or content["app_mode"]),
        owner=call.user["guid"],
        node=call.node,
        bundle=bundle,
        activate=body.get("activate") is not False,
        results=results,
        problems=[*_problems(call, content, bundle), *problems],
    )
    return task.id


def _problems(call: Call, content: Row, bundle: Bundle) -> list[str]:
    """Associate the integrations that a bundle requests, and return why its build fails."""
    problems = [
        f"the manifest lists {name}, which is not in the bundle" for name in bundle.missing_files
    ]
    if call.features.integration_requests:
        problems += associate_requested(call, content["guid"], requests_of(bundle.manifest))
    return problems


@route("POST", "/v1/content/{guid}/render", role="publisher")
async def render_content(call: Call) -> Response:
    """Render a variant, by default the default one; old servers respond in an old format."""
    content = content_of(call, edit=True)
    _refuse_locked(content, 223)
    body = chosen(await call.fields(), {"variant_key": TEXT_NULL})
    if content["bundle_id"] is None or content["app_mode"] not in RENDERED:
        raise bad_request("Only deployed documents can be rendered.")
    variants = variants_of(call, content)
    default = next(key for key, row in variants.items() if row["is_default"])
    variant = existing(variants, body.get("variant_key") or default, "The variant")
    task = start(
        call.state,
        content,
        build_tag(content["app_mode"]),
        owner=call.user["guid"],
        node=call.node,
        variant=variant,
    )
    if call.features.render_task_id:
        return ok({"task_id": task.id}, 202)
    old: Row = {"id": task.id, "user_id": 1, "status": [], "result": None, "finished": False}
    return ok({**old, "code": 0, "error": "", "last_status": 0}, 202)

"""Thumbnails of content: image types are recognized by their first bytes."""

from aconnect.testing.connect.dialect import ApiFault, Call, bad_request, route
from aconnect.testing.connect.routes._checks import remove_from
from aconnect.testing.connect.routes.content._items import content_of
from aconnect.testing.wire import Response, empty

LARGEST = 5 << 20
"""In bytes; the real server's limit is a setting (`maximum_app_image_size`)."""

_MEDIA_TYPES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
    b"<svg": "image/svg+xml",
}
"""By the first bytes of an image."""


def media_type(image: bytes) -> str | None:
    """Return the media type of an image, or None if its format is not supported."""
    types = (name for first, name in _MEDIA_TYPES.items() if image.startswith(first))
    return next(types, None)


@route("PUT", "/v1/content/{guid}/thumbnail", since=(2024, 9, 0))
async def set_thumbnail(call: Call) -> Response:
    """Store an image."""
    guid = content_of(call, edit=True)["guid"]
    image = await call.read()
    if len(image) > LARGEST:
        raise ApiFault(413, 3, f"The image has more than {LARGEST} bytes.")
    if media_type(image) is None:
        raise bad_request("The image is of no supported format.")
    call.state.thumbnails[guid] = image
    return empty()


@route("DELETE", "/v1/content/{guid}/thumbnail", since=(2024, 9, 0))
def delete_thumbnail(call: Call) -> Response:
    """Delete the image."""
    guid = content_of(call, edit=True)["guid"]
    remove_from(call, call.state.thumbnails, guid, "The thumbnail", mark=f"thumbnail:{guid}")
    return empty()

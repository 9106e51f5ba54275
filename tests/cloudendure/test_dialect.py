"""What CloudEndure's responses mean."""

import pytest

from aconnect._core.message import Request, Response
from aconnect.cloudendure.dialect import CloudEndureDialect


@pytest.mark.parametrize(
    ("status", "body", "gone"),
    [
        (404, b'{"message": "No such user.", "code": "NOT_FOUND"}', True),
        (404, b'{"message": "no Route matched with those values"}', False),
        (404, b"404 page not found", False),
        (404, b"", False),
        (409, b'{"message": "In use.", "code": "CONFLICT"}', False),
    ],
)
def test_what_a_404_means(status: int, body: bytes, gone: bool) -> None:
    """Only CloudEndure's own 404, which has a code, means that there is nothing to delete."""
    dialect = CloudEndureDialect()
    request = Request(operation="users.delete", method="DELETE", target="/users/1")
    error = dialect.error(request, Response(status=status, headers={}, body=body), "https://x")
    assert dialect.is_gone(error) is gone

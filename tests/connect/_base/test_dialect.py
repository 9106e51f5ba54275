"""The error class of a response from Connect, or from a proxy in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses

from aconnect import NO_RETRY, Client, errors
from aconnect._client.operation import REGISTRY
from aconnect.connect import ApiErrorCode

URL = "https://connect.example.com/__api__/v1/user"


class Response(aiohttp.ClientResponse):
    """A response for aioresponses 0.7.9, which passes no stream writer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


@pytest.fixture
def responses() -> Iterator[aioresponses]:
    with aioresponses() as mocked:
        yield mocked


async def ask() -> Any:
    async with Client("https://connect.example.com", api_key="k", retry=NO_RETRY) as client:
        return await client.me()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequestError),
        (401, errors.AuthenticationError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
        (418, errors.ApiError),
        (422, errors.UnprocessableError),
        (429, errors.RateLimitedError),
        (500, errors.ServerError),
        (503, errors.ServerError),
    ],
)
async def test_connects_own_errors(
    responses: aioresponses, status: int, kind: type[errors.ApiError]
) -> None:
    """An error has the class of its status, and the code, message and payload of the body."""
    payload = {"code": 7, "error": "It says why.", "payload": {"field": "x"}}
    responses.get(URL, status=status, payload=payload, response_class=Response)
    with pytest.raises(errors.ApiError) as caught:
        await ask()
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.code, error.message) == (status, 7, "It says why.")
    assert error.payload == {"field": "x"}
    assert (error.method, error.url) == ("GET", URL)
    assert str(error).startswith(
        f"GET {URL} returned {status}, code 7 (INVALID_USER_NAME): It says"
    )


@pytest.mark.parametrize(
    ("body", "content_type", "kind", "said"),
    [
        ("404 page not found\n", "text/plain", errors.EndpointMissingError, "too old"),
        ("<html>Not here</html>", "text/html", errors.NotFoundError, "HTML page"),
        ('{"message": "no route"}', "application/json", errors.NotFoundError, "no route"),
        ("", "text/plain", errors.NotFoundError, "no message"),
    ],
    ids=["router", "proxy's page", "proxy's JSON", "nothing"],
)
async def test_missing_user_or_group(
    responses: aioresponses, body: str, content_type: str, kind: type[errors.ApiError], said: str
) -> None:
    """A 404 from Connect's router means a missing operation; a 404 from a proxy does not."""
    responses.get(URL, status=404, body=body, content_type=content_type, response_class=Response)
    with pytest.raises(kind, match=said) as caught:
        await ask()
    assert type(caught.value) is kind
    assert caught.value.code is None


@pytest.mark.parametrize("code", ["7", None, True, [7]])
async def test_a_code_is_a_number(responses: aioresponses, code: Any) -> None:
    """If the code in the body is not a number, the error has no code."""
    responses.get(URL, status=400, payload={"code": code, "error": "x"}, response_class=Response)
    with pytest.raises(errors.BadRequestError) as caught:
        await ask()
    assert caught.value.code is None


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, ApiErrorCode.BAD_REQUEST, errors.EndpointMissingError),
        (404, ApiErrorCode.OBJECT_DOES_NOT_EXIST, errors.NotFoundError),
        (400, ApiErrorCode.NO_DUPLICATE_TAG_NAMES, errors.ConflictError),
        (400, ApiErrorCode.DUPLICATE_USER_KEY, errors.ConflictError),
        (400, ApiErrorCode.INVALID_PARAMETER, errors.BadRequestError),
    ],
)
async def test_the_code_has_the_last_word(
    responses: aioresponses, status: int, code: ApiErrorCode, kind: type[errors.ApiError]
) -> None:
    """If the code is more specific than the status, it determines the error class."""
    payload = {"code": int(code), "error": "It says why."}
    responses.get(URL, status=status, payload=payload, response_class=Response)
    with pytest.raises(errors.ApiError) as caught:
        await ask()
    assert type(caught.value) is kind
    assert caught.value.code is code


async def test_codes_of_the_future(responses: aioresponses) -> None:
    """An unknown code is kept as a number."""
    responses.get(URL, status=400, payload={"code": 4711, "error": "New."}, response_class=Response)
    with pytest.raises(errors.BadRequestError, match="code 4711: New") as caught:
        await ask()
    assert caught.value.code == 4711


def test_all_codes() -> None:
    """The codes are 1 to 278, each with a unique name."""
    assert [int(code) for code in ApiErrorCode] == list(range(1, 279))
    assert len(ApiErrorCode.__members__) == 278


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ("later", "users.me was added in Posit Connect 2031.01.0; this server is older"),
        ("earlier", "2021.05.0 and later of Posit Connect do not have users.me"),
        ("gone", "later versions of Posit Connect do not have users.me"),
    ],
)
async def test_an_operation_that_the_server_does_not_have(
    responses: aioresponses, monkeypatch: pytest.MonkeyPatch, operation: str, said: str
) -> None:
    """If the server lacks the operation, the error names the versions that have it."""
    options = {
        "later": {"since": "2031.01.0"},
        "earlier": {"until": "2021.05.0"},
        "gone": {"until": "unknown"},
    }
    declared = REGISTRY["connect:users.me"]
    for name, value in options[operation].items():
        monkeypatch.setattr(declared, name, value)
    responses.get(URL, status=404, body="404 page not found", response_class=Response)
    with pytest.raises(errors.EndpointMissingError) as caught:
        await ask()
    assert said in str(caught.value)

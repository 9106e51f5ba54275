"""The HTTP status with which a service answers after an error."""

from collections.abc import Iterator

import pytest

from aconnect import errors
from aconnect.errors import http_status


def made(kind, **fields):
    """Return an error of a class, whatever its constructor takes."""
    if issubclass(kind, errors.ApiError):
        error = kind("no", status=fields.pop("status", 400))
    else:
        error = kind("no")
    for name, value in fields.items():
        setattr(error, name, value)
    return error


def kinds(
    kind: type[errors.AconnectError] = errors.AconnectError,
) -> Iterator[type[errors.AconnectError]]:
    """Yield all classes of errors."""
    yield kind
    for one in kind.__subclasses__():
        yield from kinds(one)


@pytest.mark.parametrize("kind", sorted(set(kinds()), key=str))
def test_every_error_has_a_status(kind):
    """Each class of errors has a status of 400 or more."""
    assert 400 <= http_status(made(kind)) < 600


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (made(errors.InvalidArgumentError), 400),
        (made(errors.BadRequestError, status=400), 400),
        (made(errors.ViewerError), 401),
        (made(errors.AuthenticationError, status=401), 502),
        (made(errors.PermissionDeniedError, status=403), 403),
        (made(errors.NotFoundError, status=404), 404),
        (made(errors.EndpointMissingError, status=404), 501),
        (made(errors.MethodNotAllowedError, status=405), 409),
        (made(errors.ConflictError, status=409), 409),
        (made(errors.ConflictError, status=400), 409),
        (made(errors.UnprocessableError, status=422), 422),
        (made(errors.RateLimitedError, status=429), 503),
        (made(errors.ServerError, status=500), 502),
        (made(errors.ServerError, status=503), 503),
        (made(errors.ServerError, status=504), 504),
        (made(errors.LicenseExpiredError, status=402), 503),
        (made(errors.LicenseExpiredError, status=402, signing_in=True), 503),
        (made(errors.ApiError, status=402), 501),
        (made(errors.ApiError, status=402, signing_in=True), 500),
        (made(errors.BadRequestError, status=400, signing_in=True), 500),
        (made(errors.PermissionDeniedError, status=403, signing_in=True), 500),
        (made(errors.ServerError, status=503, signing_in=True), 503),
        (made(errors.RateLimitedError, status=429, signing_in=True), 503),
        (made(errors.OutageError), 503),
        (made(errors.ConnectionFailedError), 503),
        (made(errors.ClientClosedError), 503),
        (made(errors.ReadTimeoutError), 504),
        (made(errors.DeadlineExceededError), 504),
        (made(errors.PollTimeoutError), 504),
        (made(errors.ConnectionLostError), 502),
        (made(errors.DecodeError), 502),
        (made(errors.TaskFailedError), 502),
        (made(errors.VerificationError), 502),
        (made(errors.FileError), 500),
        (ValueError("of the service itself"), 500),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_statuses(error, status):
    """What the visitor can mend is a status below 500; everything else is not their fault."""
    assert http_status(error) == status

"""Secrets are never shown; of a message, only what is known to be harmless."""

import copy
import json
import pickle
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import assume, given, strategies as st

from aconnect._core.message import CallOptions, Request, Response
from aconnect._core.redaction import (
    HIDDEN,
    SHOWN_HEADERS,
    Secret,
    credentials_in,
    redact,
    shown_headers,
    shown_target,
)
from aconnect._transport.options import Options
from aconnect.connect._base.dialect import ConnectDialect

KEYS = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=8, max_size=40)


def shows(value, secret):
    return secret in value or repr(secret)[1:-1] in value


@given(KEYS)
def test_never_printed(key):
    """No conversion of a secret to text shows it."""
    secret = Secret(key)
    texts = [repr(secret), str(secret), f"{secret}", f"{secret!r:>60}", f"{secret:x}"]
    texts += ["%s %r" % (secret, secret), "{0} {0!r}".format(secret)]  # noqa: UP031, UP032
    texts += [repr([secret]), repr({secret: secret}), json.dumps([secret], default=str)]
    assert not any(shows(text, key) for text in texts)
    assert secret.reveal() == key


@pytest.mark.parametrize(
    "write",
    [
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        json.dumps,
        msgspec.json.encode,
        msgspec.to_builtins,
        msgspec.msgpack.encode,
        lambda s: pickle.dumps([s], 0),
        lambda s: s.__reduce_ex__(2),
    ],
)
def test_never_written(write):
    """Encoding or pickling a secret fails, and the error does not show it."""
    with pytest.raises(TypeError) as caught:
        write(Secret("s3cret-key"))
    assert "s3cret-key" not in str(caught.value)


def test_values_and_attributes():
    """A secret compares and tests like its value, and has no `__dict__`."""
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("a"))
    assert not Secret("")
    assert not hasattr(Secret("a"), "__dict__")


@pytest.mark.parametrize(
    "holder",
    [
        lambda s: Options(proxy=f"http://user:{s}@proxy:3128"),
        lambda s: Options(proxy_authorization=Secret(s)),
        lambda s: CallOptions(cookies=f"session={s}", credentials={"Authorization": s}),
        lambda s: Request(operation="x", method="GET", target="/x", headers={"X-Api-Key": s}),
        lambda s: Response(status=200, headers={"Set-Cookie": s}, set_cookies=(s,)),
    ],
    ids=["proxy", "proxy authorization", "call options", "headers", "response"],
)
def test_holders_of_secrets(holder):
    """Objects that contain credentials can be printed in a debugger or a log without them."""
    assert "s3cret" not in repr(holder("s3cret"))


@given(st.dictionaries(st.text(min_size=1), KEYS))
def test_headers_by_allow_list(headers):
    """Only the values of harmless headers are shown, but all names."""
    shown = shown_headers(headers)
    assert list(shown) == list(headers)
    for name, value in shown.items():
        assert value == (headers[name] if name.lower() in SHOWN_HEADERS else HIDDEN)


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "X-RSC-Authorization",
        "Proxy-Authorization",
        "Cookie",
        "Set-Cookie",
        "X-Api-Key",
        "Location",
    ],
)
def test_credentials_are_no_harmless_headers(name):
    """No header that carries credentials is on the list, in upper or lower case."""
    assert shown_headers({name: "s3cret", name.upper(): "s3cret"}) == {
        name: HIDDEN,
        name.upper(): HIDDEN,
    }


@given(st.dictionaries(st.sampled_from(["prefix", "q", "token", "x", "limit", "to"]), KEYS))
def test_targets_by_allow_list(query):
    """Only query values for paging or filtering by time are shown, but all names."""
    target = "/v1/users?" + "&".join(f"{k}={quote(v, safe='')}" for k, v in query.items())
    shown = shown_target(target)
    for name, value in query.items():
        part = f"{name}={quote(value, safe='')}" if name in {"limit", "to"} else f"{name}={HIDDEN}"
        assert part in shown.partition("?")[2].split("&")
    assert shown_target("/v1/users") == "/v1/users"


@pytest.mark.parametrize("target", ["/x?s3cret", "/x?a=1&s3cret", "/x?s3cret=1", "/x?q=a=s3cret"])
def test_odd_targets(target):
    """A query without names is hidden as a whole."""
    shown = shown_target(target)
    assert HIDDEN in shown
    assert "s3cret" not in shown or target == "/x?s3cret=1"


@given(st.text(), st.lists(KEYS, min_size=1, max_size=3), st.text())
def test_scrub(before, keys, after):
    """No secret remains in a redacted text, nor a part that another redaction uncovered."""
    assume(not any(key in HIDDEN for key in keys))
    text = before + after.join(keys) + after
    cleaned = redact(text, [Secret(key) for key in keys])
    assert not any(key in cleaned for key in keys)


def test_scrub_nothing():
    """An empty secret redacts nothing, and a text without secrets is unchanged."""
    assert redact("text", [Secret("")]) == redact("text", []) == "text"
    assert redact("abcabcd", [Secret("abc"), Secret("abcd")]) == HIDDEN * 2


@pytest.mark.parametrize("value", ['pa"ss\\word', "pässwörd", "a b&c=d/e", "Key-Of-User"])
@pytest.mark.parametrize(
    "spell",
    [str, str.lower, json.dumps, lambda text: json.dumps(text, ensure_ascii=False), quote],
    ids=["itself", "host", "JSON", "JSON in UTF-8", "address"],
)
def test_spellings(value, spell):
    """A secret is redacted however a server spells it."""
    spelled = spell(value, safe="") if spell is quote else spell(value)
    shown = redact(f"the server received {spelled}.", [Secret(value)])
    assert shown.replace('"', "") == f"the server received {HIDDEN}."


def test_credentials_among_headers():
    """What is secret in a request's headers is known without their schemes and names."""
    headers = {
        "Accept": "application/json",
        "Authorization": "Key s3cret-1",
        "Cookie": "session=s3cret-2; lang=en",
        "X-Token": "s3cret-3",
    }
    text = "application/json s3cret-1 s3cret-2 s3cret-3 Key session"
    assert redact(text, credentials_in(headers, None)) == "application/json *** *** *** Key session"


@pytest.mark.parametrize("blanks", [480, 488, 495])
@pytest.mark.parametrize("kind", ["text", "json"])
def test_key_at_the_edge_of_a_message(blanks, kind):
    """A key that a server repeats is redacted before a long message is truncated."""
    key = "s3cret-key-of-the-user-0123456789"
    said = "x" * blanks + key
    body = json.dumps({"code": 1, "error": said}).encode() if kind == "json" else said.encode()
    response = Response(status=500, headers={}, body=body)
    request = Request(operation="x", method="GET", target="/x")
    error = ConnectDialect().error(request, response, "https://h", (Secret(key),))
    assert "s3c" not in str(error)


def test_key_in_a_payload():
    """A key that a server repeats in the payload of an error is redacted there, too."""
    body = b'{"code": 1, "error": "no", "payload": {"header": ["Key s3cret-key"], "n": 1}}'
    response = Response(status=500, headers={}, body=body)
    request = Request(operation="x", method="GET", target="/x")
    error = ConnectDialect().error(request, response, "https://h", (Secret("s3cret-key"),))
    assert "s3cret" not in repr(error.payload)
    assert error.payload["n"] == 1

"""The cookies of a task follow what the responses to its polls set."""

import json

import pytest

from aconnect import errors
from aconnect.connect import Task
from aconnect.testing import BuildScript, FakeConnect


@pytest.fixture
def cluster_polls(raw_server, connect):
    """Start a server whose responses to the polls of one task a test provides, and a client."""

    async def start(*responses):
        left = list(responses)

        async def handle(reader, writer):
            while True:
                await server.head(reader)
                status, cookies, finished = left.pop(0)
                body = json.dumps(
                    {"code": 141, "error": "The task is not on this node."}
                    if status == 404
                    else {"id": "t", "finished": finished, "code": 0, "error": "", "last": 0}
                )
                lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}"]
                lines += [f"Set-Cookie: {cookie}" for cookie in cookies]
                writer.write("\r\n".join([*lines, "", body]).encode())
                await writer.drain()

        server = await raw_server(handle)
        return server, await connect(server.url)

    return start


def sent_cookies(server):
    """Return the Cookie header of each request."""
    heads = [head.decode() for head in server.heads]
    return [head.partition("Cookie: ")[2].partition("\r\n")[0] for head in heads]


async def test_cookies_are_renewed(cluster_polls):
    """A poll sends the cookies of the last response that knew the task, also after a resume."""
    server, client = await cluster_polls(
        (200, ["node=1; Path=/", 'k[1]={"a":"b"}; Path=/'], False),
        (200, ["node=2; Path=/; Max-Age=60"], False),
        (404, ["node=9; Path=/", "k[1]=; Max-Age=0"], False),
        (200, ["k[1]=; Max-Age=0"], False),
        (200, ["node=3"], True),
        (200, [], True),
    )
    task = client.tasks.handle("t")
    assert (await task.wait()).finished
    resumed = type(task).from_token(client, task.token)
    assert (await resumed.status()).finished
    assert sent_cookies(server) == [
        "",
        'node=1; k[1]={"a":"b"}',
        'k[1]={"a":"b"}; node=2',
        'k[1]={"a":"b"}; node=2',
        "node=2",
        "node=3",
    ]


async def test_the_node_is_found_by_id(connect, archive):
    """A task that is followed by its id alone is found on its node, and stays there."""
    async with FakeConnect(nodes=3) as cluster:
        client = await connect(cluster.url, api_key=cluster.api_key)
        item = await client.content.create(name="item")
        started = await item.deploy(await item.bundles.create(archive))
        cluster.requests.clear()
        assert (await client.tasks.handle(started.id).wait()).finished
        cookies = [request.headers.get("Cookie") for request in cluster.requests]
        searching = cookies.count(None)
        assert 1 <= searching <= 3
        node = cluster.state.tasks[started.id].node
        assert cookies[searching:] == [f"rscid={node}"] * (len(cookies) - searching)


@pytest.mark.parametrize(
    "cookies", ['{"a":"b\\r\\nX: y"}', '{"a;b":"c"}', '{"a":"\\u0000"}', '"a=b"']
)
async def test_a_token_with_bad_cookies(client, cookies):
    """Cookies that cannot be sent make a token damaged."""
    token = f'{{"server":"{client.api_root}","task":"t","cookies":{cookies}}}'
    with pytest.raises(errors.ResumeError, match="damaged"):
        Task.from_token(client, token)


async def test_cookies_are_not_printed(connect, archive):
    """Neither a task nor an error shows the cookies, which may be those of a gateway's session."""
    async with FakeConnect(nodes=2) as cluster:
        cluster.state.build_script = BuildScript(hang=True)
        client = await connect(cluster.url, api_key=cluster.api_key)
        item = await client.content.create(name="item")
        task = await item.deploy(await item.bundles.create(archive))
        with pytest.raises(errors.PollTimeoutError) as caught:
            await task.wait(timeout=5)
        assert caught.value.token == task.token
        assert "rscid" in task.token
        assert client.api_root in task.token
        assert cluster.api_key not in task.token
        for shown in (repr(task), str(task), str(caught.value), repr(caught.value)):
            assert "rscid" not in shown


async def test_the_response_of_a_wait(client, archive):
    """`with_response` returns the last response of a call that makes several, however nested."""
    item = await client.content.create(name="item")
    task = await item.deploy(await item.bundles.create(archive))
    response = await client.with_response(task.wait)
    assert json.loads(response.body)["finished"]

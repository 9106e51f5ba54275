"""The services of `docs/services`: how each is started, and what the browser of a viewer does.

Decides nothing about who sees what. Each class speaks the protocol between its framework and the
page, since the pages themselves would need a browser.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pyarrow as pa
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType
from yarl import URL


class RefusedError(Exception):
    """The service said why it shows nothing."""


class Framework:
    """A service that is run by uvicorn and responds with JSON."""

    prints_refusals: ClassVar[bool] = False
    """Whether it writes errors that are shown to a viewer to its log as well."""

    def __init__(self, name: str) -> None:
        self.name = name

    def command(self, port: int) -> list[str]:
        """Return the arguments of Python that start the service, in its folder."""
        return ["-m", "uvicorn", "--host=127.0.0.1", f"--port={port}", "app:app"]

    async def titles(self, session: ClientSession, url: URL) -> list[str]:
        """Return the titles that the page at a URL shows."""
        async with session.get(url / "content") as response:
            found = await response.json()
            if response.status == 401:
                raise RefusedError(found["detail"])
            assert response.status == 200, found
            return [item["title"] for item in found]


class Flask(Framework):
    """It is run by its own command."""

    def command(self, port: int) -> list[str]:
        return ["-m", "flask", "run", "--host=127.0.0.1", f"--port={port}"]


class Dash(Framework):
    """Its pages send each change of an input, and get the new outputs."""

    def command(self, port: int) -> list[str]:
        return ["-m", "flask", "--app=app:server", "run", "--host=127.0.0.1", f"--port={port}"]

    async def titles(self, session: ClientSession, url: URL) -> list[str]:
        async with session.get(url / "_dash-dependencies") as response:
            (callback,) = await response.json()
        component, _, name = callback["output"].rpartition(".")
        change = {
            "output": callback["output"],
            "outputs": {"id": component, "property": name},
            "inputs": [{**given, "value": None} for given in callback["inputs"]],
            "changedPropIds": [],
        }
        async with session.post(url / "_dash-update-component", json=change) as response:
            assert response.status == 200, await response.text()
            found = await response.json()
        element = found["response"][component][name]
        if element["type"] == "P":
            raise RefusedError(element["props"]["children"])
        links = [row["props"]["children"] for row in element["props"]["children"]]
        return [link["props"]["children"] for link in links]


class Gradio(Framework):
    """Its pages begin an event, and get the outcome in a stream."""

    def command(self, port: int) -> list[str]:
        del port  # It is in the environment.
        return ["app.py"]

    async def titles(self, session: ClientSession, url: URL) -> list[str]:
        call = url / "gradio_api/call/content"
        async with session.post(call, json={"data": []}) as response:
            assert response.status == 200, await response.text()
            event = (await response.json())["event_id"]
        async with session.get(call / event) as response:
            outcome, data = (await response.text()).strip().split("\n", 1)
        found = json.loads(data.removeprefix("data: "))
        if outcome == "event: error":
            raise RefusedError(found["error"])
        return [title for title, _ in found[0]["data"]]


class Shiny(Framework):
    """Its pages send inputs through a WebSocket, and get outputs."""

    prints_refusals = True

    def command(self, port: int) -> list[str]:
        return ["-m", "shiny", "run", "--host=127.0.0.1", f"--port={port}", "app.py"]

    async def titles(self, session: ClientSession, url: URL) -> list[str]:
        async with session.ws_connect(url / "websocket/") as socket:
            shown = {".clientdata_output_content_hidden": False}
            await socket.send_json({"method": "init", "data": shown})
            while True:
                message = await _text(socket)
                if problem := message.get("errors", {}).get("content"):
                    raise RefusedError(problem["message"])
                if table := message.get("values", {}).get("content"):
                    return [row[0] for row in table["payload"]["data"]]


class Streamlit(Framework):
    """Its pages request runs of the script through a WebSocket, and get elements."""

    def command(self, port: int) -> list[str]:
        address = ("--server.address=127.0.0.1", f"--server.port={port}")
        return ["-m", "streamlit", "run", "app.py", "--server.headless=true", *address]

    async def titles(self, session: ClientSession, url: URL) -> list[str]:
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from streamlit.proto.ClientState_pb2 import ClientState
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        run = BackMsg(rerun_script=ClientState()).SerializeToString()
        found: list[str] = []
        async with session.ws_connect(url / "_stcore/stream", protocols=["streamlit"]) as socket:
            await socket.send_bytes(run)
            while True:
                message = ForwardMsg.FromString(await _bytes(socket))
                element = message.delta.new_element
                match element.WhichOneof("type"):
                    case "alert":
                        raise RefusedError(element.alert.body)
                    case "exception":
                        raise AssertionError(element.exception.message)
                    case "dataframe":
                        with pa.ipc.open_stream(element.dataframe.arrow_data.data) as table:
                            found = table.read_all().column("title").to_pylist()
                if message.WhichOneof("type") == "script_finished":
                    return found


class MCP(Framework):
    """Its agents call tools, with the vendor's own client."""

    async def titles(self, session: ClientSession, url: URL) -> list[str]:
        import httpx2
        from mcp.client import Client
        from mcp.client.streamable_http import streamable_http_client

        async with (
            httpx2.AsyncClient(headers=dict(session.headers)) as http,
            Client(streamable_http_client(str(url / "mcp"), http_client=http)) as agent,
        ):
            result = await agent.call_tool("find_content", {})
        if result.is_error:
            raise RefusedError(str(result.content))
        return [item["title"] for item in result.structured_content["result"]]


async def _text(socket: ClientWebSocketResponse) -> Any:
    message = await socket.receive()
    assert message.type is WSMsgType.TEXT, message
    return json.loads(message.data)


async def _bytes(socket: ClientWebSocketResponse) -> bytes:
    message = await socket.receive()
    assert message.type is WSMsgType.BINARY, message
    return bytes(message.data)


FRAMEWORKS = [
    Framework("fastapi"),
    Framework("starlette"),
    Shiny("shiny"),
    Gradio("gradio"),
    MCP("mcp"),
    Streamlit("streamlit"),
    Dash("dash"),
    Flask("flask"),
]

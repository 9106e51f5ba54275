"""Tools for agents, which act as the person who uses the agent."""

from contextlib import asynccontextmanager

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings

from aconnect import Client, Viewers
from aconnect.errors import AconnectError

client = Client()
viewers = Viewers(client)


@asynccontextmanager
async def lifespan(server: MCPServer):
    async with client, viewers:
        yield


server = MCPServer("Content on Connect", lifespan=lifespan)


@server.tool()
async def find_content(ctx: Context) -> list[dict[str, str | None]]:
    """Find the content that the user may see."""
    try:
        async with viewers.client(ctx.headers) as viewer:
            items = await viewer.content.find()
    except AconnectError as error:
        raise ToolError(str(error)) from error
    return [{"title": item.title, "address": item.content_url} for item in items]


app = server.streamable_http_app(
    # Connect may run several processes, so no state is kept between requests.
    stateless_http=True,
    # Connect decides who reaches the server, whatever the name of its host.
    transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
)

if __name__ == "__main__":  # on your machine
    server.run("streamable-http")

"""The content that the viewer may see, as JSON."""

from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from aconnect import Client, Viewers
from aconnect.errors import AconnectError, http_status

client = Client()
viewers = Viewers(client)


@asynccontextmanager
async def lifespan(app):
    async with client, viewers:
        yield


async def failed(request, error):
    return JSONResponse({"detail": str(error)}, http_status(error))


async def content(request):
    async with viewers.client(request.headers) as viewer:
        items = await viewer.content.find()
    return JSONResponse([item.to_dict(json=True) for item in items])


app = Starlette(
    routes=[Route("/content", content)],
    exception_handlers={AconnectError: failed},
    lifespan=lifespan,
)

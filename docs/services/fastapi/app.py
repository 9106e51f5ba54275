"""The content that the viewer may see, as JSON."""

from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from aconnect import Client, Viewers
from aconnect.connect import ContentItem
from aconnect.errors import AconnectError, http_status

client = Client()
viewers = Viewers(client)


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with client, viewers:
        yield


app = FastAPI(lifespan=lifespan)


@app.exception_handler(AconnectError)
async def failed(request: Request, error: AconnectError):
    return JSONResponse({"detail": str(error)}, http_status(error))


@app.get("/content")
async def content(request: Request) -> list[ContentItem]:
    async with viewers.client(request.headers) as viewer:
        return await viewer.content.find()

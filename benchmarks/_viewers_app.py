"""A FastAPI service with the same endpoint twice: as its owner, and as its viewer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request

from aconnect import Client, Viewers

client = Client()
viewers = Viewers(client)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Close the connections at the end."""
    async with client, viewers:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/plain")
async def plain() -> str:
    """Make one call with the owner's key."""
    return (await client.me()).username or ""


@app.get("/viewer")
async def viewer(request: Request) -> str:
    """Make one call as the viewer."""
    async with viewers.client(request.headers) as mine:
        return (await mine.me()).username or ""

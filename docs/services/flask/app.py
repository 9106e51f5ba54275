"""The content that the viewer may see, as JSON."""

from flask import Flask, request

from aconnect import Client, Portal, Viewers
from aconnect.errors import AconnectError, http_status

portal = Portal()
viewers = Viewers(Client())

app = Flask(__name__)


@app.errorhandler(AconnectError)
def failed(error):
    return {"detail": str(error)}, http_status(error)


@app.get("/content")
def content():
    with portal.context(viewers.client(request.headers)) as viewer:
        items = portal.call(viewer.content.find)
    return [item.to_dict(json=True) for item in items]

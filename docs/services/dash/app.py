"""The content that the viewer may see, as a list."""

from dash import Dash, Input, Output, callback, html
from flask import request

from aconnect import Client, Portal, Viewers
from aconnect.errors import AconnectError

portal = Portal()
viewers = Viewers(Client())


def failed(error):
    if not isinstance(error, AconnectError):
        raise error
    return html.P(str(error), role="alert")  # in place of what the callback returns


app = Dash(__name__, title="Your content", on_error=failed)
server = app.server

app.layout = html.Main(
    [
        html.H1("Your content"),
        html.Button("Refresh", id="refresh"),
        html.Div(id="content"),
    ]
)


@callback(Output("content", "children"), Input("refresh", "n_clicks"))
def content(clicks):
    with portal.context(viewers.client(request.headers)) as viewer:
        items = portal.call(viewer.content.find)
    return html.Ul([html.Li(html.A(item.title, href=item.content_url)) for item in items])


if __name__ == "__main__":
    app.run()

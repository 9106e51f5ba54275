"""The content that the viewer may see, as a table."""

import pandas as pd
from shiny import App, render, ui

from aconnect import Client, Viewers, records

viewers = Viewers(Client())

app_ui = ui.page_fluid(ui.h1("Your content"), ui.output_data_frame("content"))


def server(input, output, session):
    @render.data_frame
    async def content():
        async with viewers.client(session.http_conn.headers) as viewer:
            return pd.DataFrame(await records(viewer.content.find(), "title", "content_url"))


app = App(app_ui, server)

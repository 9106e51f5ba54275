"""The content that the viewer may see, as a table."""

import gradio as gr
import pandas as pd

from aconnect import Client, Viewers, records
from aconnect.errors import AconnectError

viewers = Viewers(Client())


async def content(request: gr.Request) -> pd.DataFrame:
    """List the content that the viewer may see."""
    try:
        async with viewers.client(request.headers) as viewer:
            return pd.DataFrame(await records(viewer.content.find(), "title", "content_url"))
    except AconnectError as error:
        raise gr.Error(str(error), print_exception=False) from error


with gr.Blocks(title="Your content") as app:
    gr.Markdown("# Your content")
    table = gr.Dataframe(interactive=False)
    app.load(content, outputs=table)

if __name__ == "__main__":
    app.launch()

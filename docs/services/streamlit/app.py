"""The content that the viewer may see, as a table."""

import streamlit as st

from aconnect import Client, Portal, Viewers, records
from aconnect.errors import AconnectError


@st.cache_resource
def connect():
    return Portal(), Viewers(Client())


portal, viewers = connect()

st.set_page_config(page_title="Your content")
st.title("Your content")
try:
    with portal.context(viewers.client(st.context.headers)) as viewer:
        rows = portal.call(records, viewer.content.find(), "title", "content_url")
except AconnectError as error:
    st.error(str(error))
    st.stop()
st.dataframe(rows, column_config={"content_url": st.column_config.LinkColumn()})

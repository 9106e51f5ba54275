"""A calculator of journeys with Streamlit."""

import pandas as pd
import streamlit as st

st.set_page_config(page_title="Journeys")
st.title("How long does it take?")

distance = st.slider("Distance in km", 1, 1000, 120)
speeds = {"on foot": 5, "by bicycle": 18, "by car": 80, "by train": 130}
hours = pd.DataFrame({"hours": {name: distance / speed for name, speed in speeds.items()}})

st.bar_chart(hours)
st.dataframe(hours.round(1))

"""A sine wave with Bokeh; run by `bokeh serve`, so that it adds itself to the document."""

import numpy as np
from bokeh.io import curdoc
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, Slider
from bokeh.plotting import figure

x = np.linspace(0, 4 * np.pi, 400)
source = ColumnDataSource({"x": x, "y": np.sin(x)})

plot = figure(height=300, width=600, title="A sine wave", y_range=(-2, 2))
plot.line("x", "y", source=source, line_width=2)

frequency = Slider(title="Frequency", value=1, start=0.1, end=5, step=0.1)


def update(attribute, old, new):
    source.data = {"x": x, "y": np.sin(new * x)}


frequency.on_change("value", update)

curdoc().add_root(column(frequency, plot))
curdoc().title = "A sine wave"

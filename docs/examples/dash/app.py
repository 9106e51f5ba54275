"""A dashboard with Dash: the growth of savings."""

import plotly.express as px
from dash import Dash, Input, Output, callback, dcc, html

app = Dash(__name__, title="Savings")

app.layout = html.Main(
    [
        html.H1("Savings"),
        html.Label("Interest per year, in per cent", htmlFor="rate"),
        dcc.Slider(0, 10, 0.5, value=3, id="rate"),
        dcc.Graph(id="growth"),
    ]
)


@callback(Output("growth", "figure"), Input("rate", "value"))
def growth(rate):
    years = list(range(31))
    return px.line(
        x=years,
        y=[100 * (1 + rate / 100) ** year for year in years],
        labels={"x": "Year", "y": "Balance"},
    )


if __name__ == "__main__":
    app.run(debug=True)

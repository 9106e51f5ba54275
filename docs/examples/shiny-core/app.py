"""The sum of dice, with Shiny's core syntax."""

from collections import Counter
from random import randint

import pandas as pd
from shiny import App, Inputs, Outputs, Session, reactive, render, ui

app_ui = ui.page_sidebar(
    ui.sidebar(
        ui.input_slider("dice", "Dice", 1, 6, 2),
        ui.input_action_button("roll", "Roll again"),
    ),
    ui.output_text("result"),
    ui.output_table("history"),
    title="Dice",
)


def server(input: Inputs, output: Outputs, session: Session):
    rolls = reactive.value(Counter())

    @reactive.calc
    def roll() -> int:
        input.roll()
        return sum(randint(1, 6) for _ in range(input.dice()))

    @reactive.effect
    def _():
        with reactive.isolate():
            seen = rolls()
        rolls.set(seen + Counter([roll()]))

    @render.text
    def result():
        return f"You rolled {roll()}"

    @render.table
    def history():
        return pd.DataFrame(sorted(rolls().items()), columns=["Sum", "Times"])


app = App(app_ui, server)

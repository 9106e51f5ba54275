"""Temperatures converted, with Shiny's express syntax."""

from shiny.express import input, render, ui

from conversion import to_fahrenheit

ui.page_opts(title="Temperatures")
ui.input_slider("celsius", "Degrees Celsius", -40, 100, 20)


@render.text
def fahrenheit():
    return f"{input.celsius()} °C are {to_fahrenheit(input.celsius()):.1f} °F"

"""The conversion, apart from the page so that it can be tested."""


def to_fahrenheit(celsius: float) -> float:
    return celsius * 9 / 5 + 32

"""The check of numbers that are arguments of simulated servers."""


def check_range(name: str, value: float, low: float, high: float | None = None) -> None:
    """Raise ValueError if an argument is out of its range."""
    if low <= value and (high is None or value <= high):
        return
    bounds = f"at least {low}" if high is None else f"between {low} and {high}"
    raise ValueError(f"{name} must be {bounds}; got {value}")

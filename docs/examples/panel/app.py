"""A loan with Panel."""

import panel as pn

pn.extension()

amount = pn.widgets.IntSlider(name="Amount", start=1000, end=50_000, step=1000, value=10_000)
rate = pn.widgets.FloatSlider(name="Interest in per cent", start=0.5, end=12, step=0.5, value=4)
months = pn.widgets.IntSlider(name="Months", start=6, end=120, step=6, value=36)


def payment(amount: int, rate: float, months: int) -> str:
    monthly = rate / 1200
    return f"## {amount * monthly / (1 - (1 + monthly) ** -months):.2f} a month"


pn.Column(
    "# A loan",
    amount,
    rate,
    months,
    pn.bind(payment, amount=amount, rate=rate, months=months),
).servable(title="A loan")

"""What a server or the network can do to a request, for tests of whole operations."""

from typing import Any, Literal

from aconnect.testing import faults

FAULTS = {
    "500": faults.status(500),
    "503": faults.status(503),
    "429": faults.status(429, retry_after=1),
    "403": faults.error(403, 22),
    "reset": faults.reset(),
    "reset later": faults.reset_mid_body(),
    "truncated": faults.truncated_json(),
    "login page": faults.login_page(),
    "garbage": faults.garbage(),
    "lost": faults.after(faults.reset()),
    "lost to a proxy": faults.after(faults.status(502)),
    "lost behind a page": faults.after(faults.login_page()),
}

Moment = Literal["not acted", "acted", "half sent"]


class Unharmed:
    """No fault: the request is served."""

    async def apply(self, exchange: Any) -> Any:
        return await exchange.send(await exchange.response())


class Kill:
    """The process that sends the request is killed: before or after the server has acted on it."""

    def __init__(self, moment: Moment = "acted") -> None:
        self.moment = moment
        self.process: Any = None

    async def apply(self, exchange: Any) -> Any:
        if self.moment == "acted":
            await exchange.response()
        if self.moment == "half sent":
            response = await exchange.response()
            stream = await exchange.begin(response, len(response.body))
            await stream.write(response.body[: len(response.body) // 2])
        self.process.kill()
        return await faults.reset().apply(exchange)

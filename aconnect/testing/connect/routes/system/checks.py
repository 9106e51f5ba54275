"""System checks: runs that advance with every request, as tasks do."""

from aconnect.testing.connect.dialect import Call, not_found, route
from aconnect.testing.connect.progress import SYSTEM_CHECKS, CheckState, Run, do_nothing
from aconnect.testing.connect.routes._checks import TEXT_NULL, chosen, existing, remove_from
from aconnect.testing.connect.state import State
from aconnect.testing.wire import Response, empty, ok

_NEW = (2023, 12, 0)


def seed(state: State) -> None:
    """Add a finished run."""
    number = str(state.next_number("check"))
    state.checks[number] = CheckState(number, "connect", Run.ended(SYSTEM_CHECKS, state.seed.start))


def _check(call: Call) -> CheckState:
    return existing(call.state.checks, call.args["id"], "The system check run")


@route("GET", "/v1/system/checks", role="administrator", since=_NEW)
def list_checks(call: Call) -> Response:
    """List all runs."""
    return ok([check.row() for check in call.state.checks.values()])


@route("POST", "/v1/system/checks", role="administrator", since=_NEW)
async def start_checks(call: Call) -> Response:
    """Start a run on a host, by default this one."""
    body = chosen(await call.fields(), {"hostname": TEXT_NULL})
    state = call.state
    hostname = body.get("hostname") or state.hosts[0]["hostname"]
    if hostname not in {host["hostname"] for host in state.hosts}:
        raise not_found("The host")
    run = Run(state.check_script, do_nothing, state.now, started=state.now())
    number = str(state.next_number("check"))
    check = state.checks[number] = CheckState(number, hostname, run)
    return ok(check.row())


@route("GET", "/v1/system/checks/{id}", role="administrator", since=_NEW)
def get_check(call: Call) -> Response:
    """Advance a run by one poll, unless it was canceled, and return it."""
    check = _check(call)
    if not check.canceled:
        check.run.poll()
    return ok(check.row())


@route("GET", "/v1/system/checks/{id}/results", role="administrator", since=_NEW)
def get_check_results(call: Call) -> Response:
    """Return the results of a run so far."""
    check = _check(call)
    return ok({"run": check.row(), "results": check.results()})


@route("DELETE", "/v1/system/checks/{id}", role="administrator", since=_NEW)
def delete_check(call: Call) -> Response:
    """Delete a run."""
    remove_from(call, call.state.checks, call.args["id"], "The system check run")
    return empty()

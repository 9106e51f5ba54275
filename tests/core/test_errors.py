"""The error tree is the one that its module's docstring draws."""

import copy
import copyreg
import inspect
import pickle
import re
import threading

import pytest

import aconnect
from aconnect import errors
from aconnect.errors import AconnectError, Attempt, InvalidArgumentError


def drawn():
    """Parse the tree in the module's docstring into pairs of a class's name and its parent's."""
    stack: list[str] = []
    pairs = []
    for line in errors.__doc__.splitlines():
        found = re.match(r"^    ([│├└─ ]*)([A-Z]\w+)", line)
        if found is None:
            continue
        depth = len(found[1]) // 4
        stack[depth:] = [found[2]]
        pairs.append((found[2], stack[depth - 1] if depth else "Exception"))
    return pairs


def classes():
    return {
        name: kind
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, BaseException)
    }


def test_tree_as_drawn():
    """The drawn tree and the classes are the same, including parents."""
    pairs = drawn()
    assert len(pairs) > 25
    assert dict(pairs) == {name: kind.__mro__[1].__name__ for name, kind in classes().items()}


def test_all_exported():
    """Every class is public, and `__all__` is in alphabetical order."""
    assert set(errors.__all__) == {*classes(), "Attempt", "http_status"}
    assert errors.__all__ == sorted(errors.__all__)
    assert aconnect.errors is errors


@pytest.mark.parametrize("name", sorted(classes()))
def test_documented(name):
    """Every class has a docstring."""
    assert classes()[name].__doc__


@pytest.mark.parametrize("kind", [errors.InvalidArgumentError, errors.ResumeError])
def test_value_errors(kind):
    """Errors that the caller made are also ValueErrors."""
    assert issubclass(kind, ValueError)


def attempts(count):
    return tuple(Attempt(number=n, elapsed=n / 2, failure=f"failure {n}") for n in range(1, count))


def made(kind):
    return kind("it broke", status=418) if issubclass(kind, errors.ApiError) else kind("it broke")


@pytest.mark.parametrize("name", sorted(classes()))
@pytest.mark.parametrize("count", [1, 2, 6])
def test_attempts_shown(name, count):
    """The text of an error has the number of attempts and the latest three failures."""
    error = made(classes()[name])
    assert isinstance(error, AconnectError)
    error.attempts = attempts(count)
    text = str(error)
    assert "it broke" in text
    assert ("attempts" in text) is (count > 1)
    if count > 1:
        assert f"after {count} attempts" in text
        assert re.findall(r"failure (\d+)", text) == [str(n) for n in range(1, count)][-3:]


def test_same_failures_shown_once():
    """A repeated failure is listed once."""
    error = AconnectError("it broke")
    error.attempts = tuple(Attempt(number=n, elapsed=0, failure="busy") for n in range(1, 5))
    assert str(error).count("busy") == 1
    assert "after 5 attempts" in str(error)


@pytest.mark.parametrize("name", sorted(classes()))
def test_pickled(name):
    """Errors can be pickled, with all their attributes."""
    error = made(classes()[name])
    error.attempts = attempts(3)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_api_error_text():
    """An API error says what was tried, what came back and what to do."""
    error = errors.ApiError(
        "name taken",
        status=409,
        code=8,
        method="POST",
        url="https://h/__api__/v1/groups",
        hint="choose another name",
    )
    assert str(error) == (
        "POST https://h/__api__/v1/groups returned 409, code 8: name taken; choose another name"
    )
    error.attempts = attempts(2)
    assert "after 2 attempts" in str(error)


def test_task_error_carries():
    """The error of a task contains what is needed to resume it."""
    error = errors.TaskFailedError("no", token="{}", code=1, lines=("a", "b"))
    assert (error.token, error.code, error.lines) == ("{}", 1, ("a", "b"))


def test_copies_without_their_causes(monkeypatch):
    """An error is copied without its cause, whatever other packages say of copying exceptions."""

    def reduced_with_cause(error):
        return type(error), error.args, {"cause": error.__cause__}

    monkeypatch.setitem(copyreg.dispatch_table, InvalidArgumentError, reduced_with_cause)
    error = InvalidArgumentError("no")
    error.__cause__ = RuntimeError(threading.Lock())
    error.add_note("a note")
    copied = copy.deepcopy(error)
    copied.add_note("another")
    assert (str(copied), error.__notes__) == ("no", ["a note"])
    assert copied.__cause__ is None

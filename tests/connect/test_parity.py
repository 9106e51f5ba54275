"""Every public name of posit-sdk's client exists here, or is in a table of the migration page."""

from __future__ import annotations

import asyncio
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from aconnect.testing import FakeConnect
from tests.connect import parity
from tests.connect.parity import Comparison, Row
from tests.test_docs import seed

pytest.importorskip("posit.connect")

AT_LEAST: Final = 220
"""The minimum number of names in posit-sdk 0.17, to notice an incomplete walk."""

_THEIRS: Final = re.compile(r"^```py\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Documented:
    """A class in the manner of posit-sdk."""

    def find(self, **kwargs: Any) -> list[Any]:
        """Find permissions.

        Parameters
        ----------
        role : str, optional
            The role.
        principal_type: str
            The type: of a user or a group.

        Returns
        -------
        list
            note : none
        """  # noqa: D416  numpy's style
        raise NotImplementedError(kwargs)


@cache
def compared() -> Comparison:
    """Return the comparison, computed once for all tests."""
    return parity.compare()


@cache
def listed() -> dict[str, Row]:
    """Return the names that the table covers, each with its row."""
    found: dict[str, Row] = {}
    for row in parity.rows():
        for subject in row.subjects:
            assert subject not in found, f"{parity.PAGE.name}:{row.line}: {subject} is there twice"
            found[subject] = row
    return found


def test_every_name_is_here_or_in_the_table(summary: list[str]) -> None:
    """Each name of posit-sdk exists here on every path, or a table has its replacement."""
    result = compared()
    names = len(result.theirs)
    covered = len(result.covered)
    parameters = len(result.differing) - (names - covered)
    summary.append(
        f"posit-sdk: covered {covered} of {names} ({names - covered} in the tables), "
        f"and {parameters} parameters are in the tables"
    )
    missing = [
        f"  {path} {what}"
        for path, what in result.differing.items()
        if listed().keys().isdisjoint(result.alike[path])
    ]
    message = [
        "posit-sdk has these names, and there is no replacement here:",
        *missing,
        f"Add what is missing, or a line to a table of {parity.PAGE.name}: `path`, or",
        "`path(parameter)`; what takes its place; and why.",
    ]
    assert not missing, "\n".join(message)
    assert names >= AT_LEAST


def test_every_path_is_walked() -> None:
    """Classes that several paths lead to, and parameters that are only documented, are compared."""
    nouns = compared().nouns
    assert nouns["client.content"] != nouns["user.content"]
    assert nouns["user"] != nouns["group_member"]
    assert nouns["task"] != nouns["content_task"] != nouns["task_status"]
    assert "user.content.find(owner_guid)" in compared().differing
    create = compared().theirs["client.content.create"].parameters
    assert "name" in create.names
    assert "name" not in create.required
    documented = parity.THEIRS.member(Documented, "find")
    assert documented
    assert documented.parameters.names == ("role", "principal_type")


def test_the_tables_are_not_stale() -> None:
    """The tables are not stale: they list no name that exists here or that posit-sdk lacks."""
    stale = [
        f"  line {row.line}: {subject}"
        for subject, row in listed().items()
        if subject not in compared().differing
    ]
    assert not stale, "\n".join([f"{parity.PAGE.name} lists what does not differ:", *stale])


def test_replacements_exist() -> None:
    """Each replacement in the table exists."""
    nouns = compared().nouns
    wrong = [
        f"  line {row.line}: {name}"
        for row in parity.rows()
        for name in parity.unknown(row.here, nouns)
    ]
    assert not wrong, "\n".join([f"{parity.PAGE.name} offers what is not here:", *wrong])


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("`await content.jobs.get(key)`", []),
        ("`content.jobs.gte(key)`", ["content.jobs.gte"]),
        ("`(await client.content.get(guid)).nam`", ["(await client.content.get(guid)).nam"]),
        ("`elsewhere.name` is nobody's business", []),
    ],
)
def test_wrong_offers_are_found(text: str, wrong: list[str]) -> None:
    """A misspelt name in the table is detected."""
    assert list(parity.unknown(text, compared().nouns)) == wrong


async def test_the_other_side_of_the_examples_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The posit-sdk examples of the migration page run with posit-sdk."""
    blocks: list[str] = _THEIRS.findall(parity.PAGE.read_text(encoding="utf-8"))
    async with FakeConnect(seed=seed()) as server:
        monkeypatch.setenv("CONNECT_SERVER", server.url)
        monkeypatch.setenv("CONNECT_API_KEY", server.api_key)
        monkeypatch.chdir(tmp_path)
        namespace: dict[str, Any] = {}
        for code in blocks:
            if "# not run" not in code:
                await asyncio.to_thread(exec, code, namespace)
        namespace["client"].session.close()
    assert blocks

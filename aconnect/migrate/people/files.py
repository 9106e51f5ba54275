"""Users and groups from CSV files.

Decides what a file may contain. All errors of a file are found before anything is done with it.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import msgspec

from aconnect._client.threads import in_thread
from aconnect._core.text import counted, csv_delimiter, decode_text
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.people.model import ROLES, DescribedGroup, DescribedUser

_USER_COLUMNS: Final = (
    "username",
    "email",
    "first_name",
    "last_name",
    "role",
    "locked",
    "external_id",
    "unique_id",
)
_GROUP_COLUMNS: Final = ("group", "owner", "member")
_FLAGS: Final = {"": None, "true": True, "yes": True, "false": False, "no": False}
_MOST: Final = 20
"""The most errors that a message lists."""


class _Rows:
    """The rows of a file, and the errors that were found in it."""

    def __init__(self, path: Path, columns: Collection[str]) -> None:
        self.path = path
        self._columns = columns
        self._errors: list[str] = []
        self.head: list[str] = []

    @property
    def has_many_errors(self) -> bool:
        """Whether a message has room for no more."""
        return len(self._errors) >= _MOST

    def error(self, line: int, text: str) -> None:
        """Record an error."""
        self._errors.append(f"line {line}: {text}")

    def check(self) -> None:
        """Raise if there are errors."""
        if not self._errors:
            return
        more = len(self._errors) - _MOST
        lines = [*self._errors[:_MOST], *([f"and {more} more errors"] if more > 0 else [])]
        raise InvalidArgumentError("\n".join([f"{self.path} cannot be used:", *lines]))

    def __iter__(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield each row with its line; those with another number of fields are errors."""
        try:
            text = decode_text(self.path.read_bytes())
        except OSError as error:
            raise InvalidArgumentError(
                f"cannot read {str(self.path)!r}: {error.strerror or error}"
            ) from error
        except UnicodeError as error:
            raise InvalidArgumentError(f"cannot read {str(self.path)!r}: {error}") from None
        delimiter = csv_delimiter(text)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        try:
            self._read_head(next(reader, list[str]()))
            end = reader.line_num
            for fields in reader:
                line, end = end + 1, reader.line_num
                if not any(fields):
                    continue
                if len(fields) != len(self.head):
                    count = f"{counted(len(fields), 'field')}, and the first line {len(self.head)}"
                    self.error(line, f"it has {count}; put values with commas in quotes")
                    continue
                yield line, dict(zip(self.head, (field.strip() for field in fields), strict=True))
        except csv.Error as error:
            self.error(reader.line_num, str(error))

    def _read_head(self, head: list[str]) -> None:
        self.head = [name.strip().lower() for name in head]
        known = ", ".join(self._columns)
        for name in self.head:
            if "password" in name:
                self.error(
                    1,
                    f"the column {name!r} is refused, because passwords do not belong in a file; "
                    "new users set theirs themselves",
                )
            elif name not in self._columns:
                near = difflib.get_close_matches(name, self._columns, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"the columns are {known}"
                self.error(1, f"there is no column {name!r}; {hint}")
            elif self.head.count(name) > 1:
                self.error(1, f"there is more than one column {name!r}")
        required = next(iter(self._columns))
        if required not in self.head:
            self.error(1, f"there is no column {required!r}, which is required")
        # The rows mean nothing without their columns.
        self.check()


async def read_users_csv(path: str | Path) -> list[DescribedUser]:
    """Read users from a CSV file in UTF-8, with a row for each.

    The first row names the columns: `username`, and any of `email`, `first_name`, `last_name`,
    `role`, `locked` (true or false), `external_id` and `unique_id`. An empty field is not
    described.

    Raises:
        InvalidArgumentError: The file cannot be read, or has errors; with the lines of all.
    """
    return await in_thread(_read_users, Path(path))


def _read_users(path: Path) -> list[DescribedUser]:
    rows = _Rows(path, _USER_COLUMNS)
    users: dict[str, DescribedUser] = {}
    lines: dict[str, int] = {}
    for line, row in rows:
        name, role, locked = row["username"], row.get("role", ""), row.get("locked", "").lower()
        if not name:
            rows.error(line, "the username is missing")
        if name in lines:
            rows.error(line, f"the user {name!r} is in line {lines[name]} already")
        if role not in {"", *ROLES}:
            near = difflib.get_close_matches(role.lower(), ROLES, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"the roles are {', '.join(ROLES)}"
            rows.error(line, f"there is no role {role!r}; {hint}")
        flag = _FLAGS.get(locked)
        if locked not in _FLAGS:
            rows.error(line, f"locked is {row['locked']!r}, and must be true or false")
        lines.setdefault(name, line)
        texts = {key: value for key, value in row.items() if value and key != "locked"}
        users[name] = msgspec.convert({**texts, "username": name, "locked": flag}, DescribedUser)
    rows.check()
    return list(users.values())


async def read_groups_csv(
    path: str | Path, *, usernames: Collection[str] | None = None
) -> list[DescribedGroup]:
    """Read groups from a CSV file in UTF-8, with a row for each member.

    The first row names the columns: `group`, and any of `owner` and `member`. A group without
    members has a row with an empty `member`; without the column, members are not described.

    Args:
        path: The file.
        usernames: The users that exist, so that members and owners who are none are errors.

    Raises:
        InvalidArgumentError: The file cannot be read, or has errors; with the lines of all.
    """
    return await in_thread(_read_groups, Path(path), usernames)


def _read_groups(path: Path, usernames: Collection[str] | None) -> list[DescribedGroup]:
    rows = _Rows(path, _GROUP_COLUMNS)
    members: dict[str, set[str]] = {}
    owners: dict[str, str] = {}
    seen: dict[tuple[str, str], int] = {}
    for line, row in rows:
        name, owner, member = row["group"], row.get("owner", ""), row.get("member", "")
        if not name:
            rows.error(line, "the name of the group is missing")
        if (name, member) in seen:
            what = f"the member {member!r}" if member else "a row without a member"
            rows.error(line, f"{what} of {name!r} is in line {seen[name, member]} already")
        seen.setdefault((name, member), line)
        if owner and owners.setdefault(name, owner) != owner:
            rows.error(line, f"the owner of {name!r} is {owners[name]!r} in a line before")
        for user in sorted({owner, member} - {""}):
            if usernames is not None and user not in usernames:
                # Comparing with thousands of names takes its time.
                hint = "" if rows.has_many_errors else _nearest(user, usernames)
                rows.error(line, f"there is no user {user!r}{hint}")
        members.setdefault(name, set()).update({member} - {""})
    rows.check()
    has_members = "member" in rows.head
    return [
        DescribedGroup(
            name=name, owner=owners.get(name), members=frozenset(of) if has_members else None
        )
        for name, of in members.items()
    ]


def _nearest(name: str, names: Collection[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""

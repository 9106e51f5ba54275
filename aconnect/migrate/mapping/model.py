"""What a mapping file says, and what corresponds to what; only data."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from aconnect.errors import InvalidArgumentError

MatchKind = Literal["user", "group", "integration", "environment"]


class ValueSource(Struct, frozen=True, kw_only=True):
    """Where the value of an environment variable comes from; one of the two is given."""

    file: str | None = None
    """The path of a file with lines of NAME=VALUE."""
    environ: str | None = None
    """The name of a variable in the environment of the process that runs the migration."""

    def __post_init__(self) -> None:
        if (self.file is None) == (self.environ is None):
            raise InvalidArgumentError("pass file= or environ=, and not both")

    def __str__(self) -> str:
        if self.environ is not None:
            return f"the variable {self.environ} of this process"
        return f"the file {self.file}"


class Mapping(Struct, frozen=True, kw_only=True):
    """What a mapping file says; by default nothing, so that everything is guessed.

    On the right side, `guid:` and a GUID can be written instead of a name, and empty text leaves
    out what is named on the left side.
    """

    match_users: tuple[str, ...] = ("username", "email")
    """What users are matched by if they are not in `users`: `username`, `email`, `external_id`,
    tried in this order."""
    match_groups: tuple[str, ...] = ("name",)
    """What groups are matched by: `name`, or nothing."""
    users: dict[str, str] = {}
    """Usernames on the destination by those on the source."""
    groups: dict[str, str] = {}
    """Names of groups, likewise."""
    owner_fallback: str | None = None
    """The user of the destination who may get content whose owner has no counterpart."""
    integrations: dict[str, str] = {}
    """Names of OAuth integrations."""
    environments: dict[str, str] = {}
    """Images or titles of execution environments."""
    content: dict[str, str] = {}
    """The guids of existing content that is updated, by those of the source content."""
    env: dict[str, ValueSource] = {}
    """Where the values of environment variables come from, by their names."""
    content_env: dict[str, dict[str, ValueSource]] = {}
    """The same for single content items, by their guids on the source; these win."""


class Problem(Struct, frozen=True):
    """Something to know about a match, or why there is none."""

    kind: str
    """Of users and groups: `user-unmapped`, `user-ambiguous`, `user-doubtful` (something says that
    it is somebody else), `user-locked`, `user-unconfirmed`, and the same with `group-` or `owner-`,
    and `owner-cannot-publish`. Of the others: `integration-missing`, `integration-ambiguous`, and
    the same with `environment-`."""
    text: str
    """What was found, and what to do about it."""


class Match(Struct, frozen=True, kw_only=True):
    """A user, a group, or something else of the source, and what it is on the destination."""

    kind: MatchKind
    source: str
    """The username, or the name."""
    target: str | None = None
    """The same on the destination; None if there is nothing, or it is left out."""
    target_guid: str | None = None
    how: str = ""
    """`username`, `email`, `external_id`, `name`, `image`, `title`, `file` or `fallback`; without
    a target `left out`, `ambiguous`, `unmapped` (users and groups) or `missing` (the others)."""
    problems: tuple[Problem, ...] = ()

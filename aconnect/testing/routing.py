"""Finding the operation of a request.

Decides which declared route a method and path mean. It declares none: each service's table does.
"""

from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from aconnect.testing.wire import Route, RouteTable


@lru_cache(maxsize=64)
def router_for(
    table: RouteTable[Any], version: tuple[int, int, int] | None, entries: int
) -> "Router":
    """Return the router of a table's `entries` routes, shared by all servers of a version."""
    del entries
    return Router(table, version)


class _Branch:
    __slots__ = ("any", "leaves", "literal", "rest")

    def __init__(self) -> None:
        self.literal: dict[str, _Branch] = {}
        self.any: _Branch | None = None
        self.rest: _Branch | None = None
        """The branch of a variable that takes all remaining segments."""
        self.leaves: dict[str, Route] = {}


class Router:
    """Finds the route of a path among those of a version; None stands for all versions."""

    def __init__(self, table: RouteTable[Any], version: tuple[int, int, int] | None = None) -> None:
        self._root = _Branch()
        for entry in table.entries:
            if version is None or entry.is_in(version):
                self._add(entry)

    def _add(self, entry: Route) -> None:
        branch = self._root
        for part in entry.template.split("/")[1:]:
            if part.endswith("...}"):
                branch.rest = branch.rest or _Branch()
                branch = branch.rest
            elif part.startswith("{"):
                branch.any = branch.any or _Branch()
                branch = branch.any
            else:
                branch = branch.literal.setdefault(part, _Branch())
        branch.leaves[entry.method] = entry

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route and its decoded arguments; a literal segment takes precedence."""
        values: list[str] = []
        branch = self._follow(path, values)
        entry = branch.leaves.get(method) if branch is not None else None
        return None if entry is None else (entry, dict(zip(entry.names, values, strict=True)))

    def methods(self, path: str) -> list[str]:
        """Return the methods that a path has."""
        branch = self._follow(path, [])
        return [] if branch is None else sorted(branch.leaves)

    def _follow(self, path: str, values: list[str]) -> _Branch | None:
        branch = self._root
        parts = path.split("/")[1:]
        for i, part in enumerate(parts):
            following = branch.literal.get(part)
            if following is None:
                following = branch.any or branch.rest
                if following is None or not part:
                    return None
                taken = part if branch.any else "/".join(parts[i:])
                values.append(unquote(taken) if "%" in taken else taken)
                if following is branch.rest:
                    return following
            branch = following
        return branch

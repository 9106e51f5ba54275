"""Routing of requests to operations.

Decides which route matches a method and a path. The routes are declared in the tables of the
services.
"""

from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from aconnect.testing.wire import Route, RouteTable


@lru_cache(maxsize=64)
def router_for(
    table: RouteTable[Any], version: tuple[int, int, int] | None, entries: int
) -> "Router":
    """Return the router for a table, shared by all servers of the same version.

    `entries` is the number of routes. It is part of the cache key, because routes may be added.
    """
    del entries
    return Router(table, version)


class _Branch:
    """A node of the routing tree: a prefix of paths."""

    __slots__ = ("any", "leaves", "literal", "rest")

    def __init__(self) -> None:
        self.literal: dict[str, _Branch] = {}
        self.any: _Branch | None = None
        self.rest: _Branch | None = None
        """The branch of a parameter that matches all remaining segments."""
        self.leaves: dict[str, Route] = {}
        """The routes of the path that ends here, by method."""


class Router:
    """Finds routes by method and path, in one version or, if that is None, in all versions."""

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
        """Return the matching route and its decoded arguments; literal segments take precedence."""
        values: list[str] = []
        branch = self._follow(path, values)
        entry = branch.leaves.get(method) if branch is not None else None
        return None if entry is None else (entry, dict(zip(entry.names, values, strict=True)))

    def methods(self, path: str) -> list[str]:
        """Return the methods that are declared for a path."""
        branch = self._follow(path, [])
        return [] if branch is None else sorted(branch.leaves)

    def _follow(self, path: str, values: list[str]) -> _Branch | None:
        branch = self._root
        parts = path.split("/")[1:]
        for i, part in enumerate(parts):
            child = branch.literal.get(part)
            if child is None:
                child = branch.any or branch.rest
                if child is None or not part:
                    return None
                value = part if branch.any else "/".join(parts[i:])
                values.append(unquote(value) if "%" in value else value)
                if child is branch.rest:
                    return child
            branch = child
        return branch

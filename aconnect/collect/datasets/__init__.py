"""What can be collected: a module for each dataset, found by name.

`visits` is declared by `VISITS` in the module `visits`, and collected by its function `visits`.
Importing this package imports none of the modules.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from aconnect.errors import InvalidArgumentError

if TYPE_CHECKING:
    from aconnect.collect.collection import Collection
    from aconnect.collect.dataset import Dataset
    from aconnect.connect import Client

DATASETS: Final[Mapping[str, str]] = {
    name: f"{__name__}.{name}:{name}"
    for name in (
        "visits",
        "shiny_usage",
        "hits",
        "audit_logs",
        "content",
        "users",
        "groups",
        "permissions",
        "jobs",
        "packages",
    )
}
"""The module and function of each dataset, by name."""

_OF_EVENTS: Final = ("from_", "to", "since_last", "overlap", "settle", "open_after")


def dataset_name(text: str) -> str:
    """Return the name of a dataset, which may be written with hyphens.

    Raises:
        InvalidArgumentError: There is no such dataset.
    """
    name = str(text).replace("-", "_").lower()
    if name in DATASETS:
        return name
    nearest = difflib.get_close_matches(name, DATASETS, n=1)
    meant = f" (did you mean {nearest[0]!r}?)" if nearest else ""
    raise InvalidArgumentError(
        f"there is no dataset {text!r}{meant}; choose one of {', '.join(DATASETS)}"
    )


def dataset_named(name: str) -> Dataset:
    """Return the declaration of a dataset.

    Raises:
        InvalidArgumentError: There is no such dataset.
    """
    name = dataset_name(name)
    dataset: Dataset = getattr(import_module(f"{__name__}.{name}"), name.upper())
    return dataset


def collection_of(client: Client, name: str, **keywords: Any) -> Collection[Any]:
    """Return a collection of a dataset that is chosen by name.

    Options that are only about time are left out for a snapshot, so that one call can be about
    events and snapshots.

    Args:
        client: The client of the server.
        name: The name of the dataset.
        **keywords: The options of the function of this name; `content_guid` may be None.

    Raises:
        InvalidArgumentError: There is no such dataset, or it cannot be filtered by content.
    """
    dataset = dataset_named(name)
    module, _, function_name = DATASETS[dataset.name].partition(":")
    function = getattr(import_module(module), function_name)
    if dataset.is_snapshot:
        keywords = {key: keywords[key] for key in keywords if key not in _OF_EVENTS}
    content = keywords.pop("content_guid", None)
    if content is not None:
        check_content_filter(dataset.name)
        keywords["content_guid"] = content
    collection: Collection[Any] = function(client, **keywords)
    return collection


def check_content_filter(name: str) -> None:
    """Raise InvalidArgumentError if a dataset cannot be filtered by content."""
    module, _, function = DATASETS[dataset_name(name)].partition(":")
    signature = inspect.signature(getattr(import_module(module), function))
    if "content_guid" not in signature.parameters:
        raise InvalidArgumentError(f"{name} cannot be filtered by content; leave content_guid= out")

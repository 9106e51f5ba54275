"""How committed segments become files that readers see, one file for each date.

The journal says how far each file has got: *planned* (the old file is in place, so the new one can
be built again), *staged* (the new one is durable, so it can be published again) or *published*.
Each step can be repeated; segments are deleted after the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from aconnect.collect.dataset import Dataset
from aconnect.collect.publishing import Destination
from aconnect.collect.sinks import parquet_files
from aconnect.collect.sinks.parquet_staging import Layout, Publication, Staging, State
from aconnect.errors import FileError

if TYPE_CHECKING:
    import pyarrow as pa

_GROUP: Final = 64
"""Files that are published together: they share transactions, and need their space twice."""


class Publisher:
    """Publishes the committed rows of a dataset."""

    def __init__(
        self, dataset: Dataset, schema: pa.Schema, staging: Staging, destination: Destination
    ) -> None:
        self._dataset = dataset
        self._schema = schema
        self._staging = staging
        self._destination = destination
        self._layout = Layout(dataset)

    def plan(self) -> None:
        """Save which files are replaced: those of the run's rows, and of its period."""
        layout, staging = self._layout, self._staging
        targets = {segment.target for segment in staging.segments.values()}
        targets |= {
            path
            for path in self._destination.find(layout.root)
            if layout.is_target(path) and layout.touches(staging.run.replaced, path)
        }
        if self._dataset.is_snapshot:
            targets.add(layout.root)  # one without rows is a file too
        changes: dict[str, State | None] = dict.fromkeys(targets, Publication())
        changes |= staging.changed_run(replace(staging.run, is_collected=True))
        staging.save(changes)

    def publish(self) -> None:
        """Publish what is planned."""
        waiting = sorted(
            target
            for target, publication in self._staging.publications.items()
            if publication.state != "published"
        )
        for start in range(0, len(waiting), _GROUP):
            group = waiting[start : start + _GROUP]
            self._stage(group)
            self._put(group)

    def _stage(self, targets: list[str]) -> None:
        staging = self._staging
        changes: dict[str, State | None] = {}
        for target in targets:
            if staging.publications[target].state == "planned":
                staged = self._build(target)
                size = (staging.folder / staged).stat().st_size if staged else 0
                changes[target] = Publication("staged", staged, size)
        names = [item.staged for item in changes.values() if isinstance(item, Publication)]
        staging.seal(name for name in names if name)
        staging.save(changes)

    def _put(self, targets: list[str]) -> None:
        folder, publications = self._staging.folder, self._staging.publications
        for target in targets:
            staged, size = publications[target].staged, publications[target].size
            if staged is None:
                self._destination.remove(target)
            elif (folder / staged).exists():
                self._destination.publish(folder / staged, target)
            elif self._destination.size(target) != size:  # else it was published before a crash
                raise FileError(
                    f"{folder / staged} is missing, which has committed rows; put it back, or "
                    "start again with restart=True"
                )
        done = [name for target in targets for name in self._segments(target)]
        changes: dict[str, State | None] = dict.fromkeys(done)
        changes |= {target: replace(publications[target], state="published") for target in targets}
        self._staging.save(changes)
        self._staging.clean()

    def _segments(self, target: str) -> list[str]:
        """Return the segments of a file in the order of their first times."""
        found = [
            (s.first or 0, name) for name, s in self._staging.segments.items() if s.target == target
        ]
        return [name for _, name in sorted(found)]

    def _build(self, target: str) -> str | None:
        """Build a file in the staging folder, and return its name; None if no rows are left."""
        segments = self._segments(target)
        old = self._old_file(target)
        if old is None and len(segments) == 1:
            return segments[0]
        path = self._staging.folder / f"{self._layout.label(target)}.new"
        kept = () if old is None else self._kept_rows(old, segments)
        rows = parquet_files.merge(path, self._schema, chain(kept, self._rows(segments)))
        if not rows and not self._dataset.is_snapshot:
            path.unlink()
            return None
        return path.name

    def _old_file(self, target: str) -> Path | None:
        """Return the present file, if it may have rows that stay."""
        if self._layout.covers(self._staging.run.replaced, target):
            return None
        copy = self._staging.folder / f"{self._layout.label(target)}.old"
        return self._destination.fetch(target, copy)

    def _kept_rows(self, old: Path, segments: list[str]) -> Iterator[pa.RecordBatch]:
        dataset = self._dataset
        assert dataset.time_field is not None  # noqa: S101  a snapshot is covered by all periods
        rows = parquet_files.outside(
            parquet_files.read(old, self._schema),
            dataset.time_field,
            self._staging.run.replaced,
        )
        superseding = [name for name in segments if self._staging.segments[name].supersedes]
        if not superseding or dataset.open_field is None:
            return rows
        superseded = parquet_files.identities(self._rows(superseding), dataset.identity)
        return parquet_files.not_superseded(rows, dataset.open_field, dataset.identity, superseded)

    def _rows(self, segments: list[str]) -> Iterator[pa.RecordBatch]:
        for name in segments:
            yield from parquet_files.read(self._staging.folder / name, self._schema)

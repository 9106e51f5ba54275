"""Lists of intended differences, each with its reason."""

from collections.abc import Iterator
from pathlib import Path


def read_differences(path: Path, form: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield where each line is, and its three columns, which are to be written as `form`."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#"):
            continue
        columns = [column.strip() for column in line.split(" | ")]
        where = f"{path.name}, line {number}"
        assert len(columns) == 3, f"{where}: write `{form}`"
        assert all(columns), f"{where}: a column is empty; each difference needs its reason"
        subject, what, why = columns
        yield where, subject, what, why

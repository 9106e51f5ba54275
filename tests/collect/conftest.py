"""What the tests of collecting share."""

from collections.abc import Iterator

import pytest

from tests.postgres import running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Run a PostgreSQL server; return the address of its database, with the password in it."""
    with running_postgres() as uri:
        yield uri

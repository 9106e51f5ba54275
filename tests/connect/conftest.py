"""A bundle to deploy."""

import pytest

from aconnect.testing.connect.routes.bundles import small_archive


@pytest.fixture(scope="session")
def archive() -> bytes:
    """The smallest bundle."""
    return small_archive("python-api")[0]

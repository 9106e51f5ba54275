"""Fixtures for the tests of pages."""

import pytest

from tests.client.pager import FakePager


@pytest.fixture(scope="session")
def fake_pager():
    return FakePager

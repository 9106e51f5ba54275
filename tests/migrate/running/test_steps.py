"""The steps of an item."""

from aconnect.migrate.running.events import STEPS
from aconnect.migrate.running.steps import STEP_FUNCTIONS


def test_the_steps_are_those_that_events_name():
    """A step is declared twice, by its name and its function, in the same order."""
    assert tuple(STEP_FUNCTIONS) == STEPS

"""All benchmarks, one after the other: `python -m benchmarks --help`."""

import sys

from benchmarks._harness import main
from benchmarks.canned_gets import canned_gets
from benchmarks.content_list import content_list
from benchmarks.import_time import import_time
from benchmarks.memory import memory
from benchmarks.one_at_a_time import one_at_a_time
from benchmarks.rate_limit import rate_limit
from benchmarks.small_gets import small_gets
from benchmarks.visits import visits

if __name__ == "__main__":
    sys.exit(
        main(
            *(small_gets, canned_gets, one_at_a_time, visits, memory, import_time, content_list),
            rate_limit,
        )
    )

"""All benchmarks, one after the other: `python -m benchmarks --help`."""

import sys

from benchmarks._harness import main
from benchmarks.acting_as_viewer import acting_as_viewer
from benchmarks.canned_gets import canned_gets
from benchmarks.collect_audit_logs import collect_audit_logs
from benchmarks.collect_gzip import collect_gzip
from benchmarks.collect_latency import collect_latency
from benchmarks.collect_memory import collect_memory
from benchmarks.collect_sinks import collect_sinks
from benchmarks.content_list import content_list
from benchmarks.deploy_many import deploy_many
from benchmarks.import_time import import_time
from benchmarks.memory import memory
from benchmarks.migrate_many import migrate_many
from benchmarks.migrate_plan import migrate_plan
from benchmarks.one_at_a_time import one_at_a_time
from benchmarks.rate_limit import rate_limit
from benchmarks.recipes import recipes
from benchmarks.small_gets import small_gets
from benchmarks.transfer import transfer
from benchmarks.visits import visits

if __name__ == "__main__":
    sys.exit(
        main(
            *(small_gets, canned_gets, one_at_a_time, visits, memory, import_time, content_list),
            *(collect_latency, collect_sinks, collect_gzip, collect_audit_logs, collect_memory),
            *(rate_limit, transfer, deploy_many, migrate_many, migrate_plan),
            *(recipes, acting_as_viewer),
        )
    )

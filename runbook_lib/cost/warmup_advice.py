"""Whether warming a target up before the import would pay. Advice only: pure, and nothing is done about it here."""

from __future__ import annotations

import math
from collections.abc import Mapping

from runbook_lib.config.model import Migration
from runbook_lib.cost.durations import TABLE_MOST, write_rates
from runbook_lib.cost.prices import prices_of
from runbook_lib.run.facts.estimate import Advice, Estimate
from runbook_lib.run.facts.plan import TableCapacities

WORTH_SECONDS = 600.0  # below this nothing is gained by more capacity
STEP = 1_000  # a partition's write units per second


def advise(config: Migration, bill: Estimate, capacities: Mapping[str, TableCapacities]) -> tuple[Advice, ...]:
    """The on-demand targets that would take long as they stand; the longest first.

    Warm throughput is charged once for what is added, and can never be lowered again.
    """
    price = prices_of(config.target.region, config.prices).warm_write_unit
    found = []
    for work in bill.tables:
        stand = capacities.get(work.source, TableCapacities(None, None)).to_fill
        if stand is None or not stand.on_demand or work.write_units is None or work.import_seconds is None:
            continue
        now = write_rates(stand, config.import_.max_wcu)
        wanted = math.ceil(work.write_units.high / WORTH_SECONDS / STEP) * STEP
        units = min(wanted, TABLE_MOST, stand.max_write_units or TABLE_MOST)
        if work.import_seconds.high <= WORTH_SECONDS or units <= now.low:
            continue
        added = units - int(now.low)
        found.append(
            Advice(
                target=work.target,
                units_now=int(now.low),
                units=units,
                seconds_now=work.import_seconds.high,
                seconds=work.write_units.high / units,
                usd=None if price is None else added * price,
            )
        )
    return tuple(sorted(found, key=lambda a: -a.seconds_now))

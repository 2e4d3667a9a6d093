"""Compare the definitions of planned pairs, and say what of it stands in the way of an import."""

from __future__ import annotations

from runbook_lib.aws.answered import read_answered
from runbook_lib.aws.clients import Clients
from runbook_lib.config import Migration
from runbook_lib.errors import ConfigError
from runbook_lib.parity import BLOCKS, KEY, STREAM, WARNS, Gap, Parity, compare_definitions
from runbook_lib.plan import Obstacle, Pair


def look_alike(config: Migration, clients: Clients, pair: Pair) -> Parity | None:
    """The comparison of a pair; None where one of the tables is not there or nothing is to be migrated.

    A table that may not be read is a gap, as a single property would be.
    """
    if pair.source_facts is None or pair.target_facts is None or pair.method == "skip":
        return None
    try:
        source, target = read_answered(clients.source, pair.source), read_answered(clients.target, pair.target)
    except ConfigError as error:
        return Parity((), (Gap("every property", str(error)),), ())
    return compare_definitions(source, target, config.parity.accept)


def parity_blockers(pair: Pair, parity: Parity | None) -> list[Obstacle]:
    """What cannot be mended once items are loaded; the key itself is the pre-flight's own check."""
    return _obstacles(pair, parity, BLOCKS, configuration=True)


def parity_warnings(pair: Pair, parity: Parity | None) -> list[Obstacle]:
    """What would make the target another table than the source; a target's stream has a warning of its own."""
    return _obstacles(pair, parity, WARNS, configuration=False)


def _obstacles(pair: Pair, parity: Parity | None, rating: str, configuration: bool) -> list[Obstacle]:
    return [
        Obstacle(pair.target, f"{d.what} {d.source}, as the source has it", d.target, d.remedy, configuration)
        for d in (parity.differences if parity else ())
        if d.rating == rating and d.property != KEY and not (d.property == STREAM and d.target != "off")
    ]

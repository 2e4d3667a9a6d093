"""The run that makes an export, and one that uses it by its folder."""

from __future__ import annotations

from collections.abc import Callable

from runbook_lib.export.step import export_tables
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.export import EXPORTS
from runbook_lib.run.run import Run
from runbook_lib.transform.step import transform_tables
from tests.support.liar import Between
from tests.support.masks import email_rule, keep_rule, mask
from tests.support.tables import keys_in_bucket
from tests.support.world import World


def exported(world: World, run_id: str = "first") -> Run:
    run = world.open(run_id)
    preflight(run)
    export_tables(run)
    return run


def reference(world: World, owner: Run) -> str:
    fact = EXPORTS.needed(owner.ledger, world.src("a"))
    return f"s3://{fact.bucket}/{fact.completed.manifest.folder}" if fact.completed else ""


def reader_of(world: World, owner: Run, run_id: str = "second") -> Run:
    """A run that names the folder of the owner's export, as somebody who knows nothing of runs would."""
    run = world.open(run_id, export={"reuse": {world.src("a"): reference(world, owner)}})
    preflight(run)
    return run


def below(world: World, part: str) -> set[str]:
    return {key for key in keys_in_bucket(world) if part in key}


def asking(world: World, liar: Between | None, make: Callable[[], Run]) -> Run:
    """A run that asks a server between it and AWS, or AWS itself."""
    behind, world.endpoint = world.endpoint, liar.endpoint if liar else world.endpoint
    try:
        return make()
    finally:
        world.endpoint = behind


def masked(world: World) -> Run:
    run = world.open("first", transform=mask(email_rule(), keep_rule("n")))
    preflight(run)
    export_tables(run)
    transform_tables(run)
    return run

"""A table from which another run takes back what it wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from runbook_lib.aws.dynamodb.describe.tables import describe_table
from runbook_lib.run.run import Run
from runbook_lib.run.witnesses.writers.closed_tables import closed
from tests.support.world import World


@contextmanager
def taken_back_meanwhile(world: World, run: Run, by: str = "other") -> Iterator[None]:
    """Another run, of the same migration, has set its mark on the run's first table."""

    def remove(bucket: str, keys: list[str]) -> None:
        for key in keys:
            world.s3.delete_object(Bucket=bucket, Key=key)

    pair = run.planned_pairs()[0]
    table = describe_table(run.clients.target, pair.target)
    assert table is not None
    other = world.open(by)
    with closed(other, pair, table, remove):
        yield

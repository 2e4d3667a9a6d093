"""Import and validation on a Dask cluster of worker processes, one of which is killed."""

from __future__ import annotations

from runbook_lib.export import export_tables
from runbook_lib.importer import import_tables
from runbook_lib.preflight import preflight
from tests.world import World, things


def test_smoke(world: World) -> None:
    world.pair("a", things(3000, text={"S": "x" * 100}))
    world.pair("b", things(300), pitr=False)
    import runbook_lib.dispatch
    runbook_lib.dispatch.SILENCE = 15.0
    run = world.open(engine={"kind": "dask", "workers": 2})
    preflight(run)
    export_tables(run)
    import time
    t = time.monotonic()
    print(import_tables(run))
    print(time.monotonic() - t)
    print([dict(r) for r in run.ledger.rows("select * from file")])
    print([dict(r) for r in run.ledger.rows("select * from shift")])
    print(run.ledger.all("engine"), run.ledger.calls("target"), run.ledger.calls("staging"))

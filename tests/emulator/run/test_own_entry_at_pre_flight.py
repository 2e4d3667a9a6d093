"""Who stood in a target's register before a run: never the run itself, wherever an earlier start of it was killed."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.aws.s3 import registers
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.targets import STOOD_BEFORE
from runbook_lib.run.run import Run
from runbook_lib.run.witnesses.writers import write_register
from runbook_lib.run.witnesses.writers.registration import REGISTRATIONS
from tests.support.recorded import export_tables, import_tables
from tests.support.steps import up_to_the_import
from tests.support.world import World, things

APPEND = {"import": {"on_non_empty": "append"}}


def killed_at_its_entry(run: Run, monkeypatch: pytest.MonkeyPatch, *, is_made: bool) -> None:
    """A start that ends before, or right after, its entry is there, and has not recorded which of the two."""
    create = registers.create_entry

    def creating(*arguments: Any) -> bool:
        if is_made:
            create(*arguments)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(write_register.aws, "create_entry", creating)
        with pytest.raises(SystemExit):
            import_tables(run)


@pytest.mark.parametrize("is_made", [False, True])
@pytest.mark.parametrize("others", [("older",), ()])
def test_a_run_that_was_killed_at_its_entry_does_not_stand_before_itself(
    world: World, monkeypatch: pytest.MonkeyPatch, others: tuple[str, ...], is_made: bool
) -> None:
    world.pair("a", things(5))
    for name in others:
        up_to_the_import(world, name)
    run, source = world.open("newer", **APPEND), world.src("a")
    preflight(run)
    export_tables(run)
    killed_at_its_entry(run, monkeypatch, is_made=is_made)
    again = Run(run.id, run.folder, run.config, run.clients, run.ledger, execute=True)
    preflight(again)
    assert STOOD_BEFORE.needed(again.ledger, source).runs == [*others]
    import_tables(again)
    known = REGISTRATIONS.needed(again.ledger, source)
    assert (known.before, known.others, known.intended) == ([*others], [*others], None)

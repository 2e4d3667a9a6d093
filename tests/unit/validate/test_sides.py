"""While a table is compared, how far it is stands in the ledger, and nothing of it is left behind."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from runbook_lib.run.facts.validation import COMPARING, ComparingFact
from runbook_lib.run.ledger import Ledger
from runbook_lib.validate.sides import EXPORT, TARGET, noted


def test_how_far_a_comparison_is_can_be_read_until_it_ends_however_it_ends(tmp_path: Path) -> None:
    seen: list[tuple[str, str, int, int]] = []
    clock = iter([0.0, 0.0, 0.5, 1.0, 1.0, 1.1, 1.1])
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        COMPARING.record(ledger, "killed before", ComparingFact(7, 0))

        def compared() -> None:
            with noted(ledger, lambda *told: seen.append(told), lambda: next(clock)) as watch:
                assert COMPARING.all(ledger) == {}
                watch("a", EXPORT, 50, 100)
                assert COMPARING.all(ledger) == {"a": ComparingFact(50, 0)}
                watch("a", TARGET, 20, 100)  # too soon after the last to be written down
                assert COMPARING.all(ledger) == {"a": ComparingFact(50, 0)}
                watch("a", TARGET, 60, 100)
                assert COMPARING.all(ledger) == {"a": ComparingFact(100, 60)}
                watch("b", EXPORT, 1, 2)  # another table, with a second of its own
                watch("a", "PASS", 100, 100)
                assert COMPARING.all(ledger) == {"b": ComparingFact(1, 0)}
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            compared()
        assert COMPARING.all(ledger) == {}
    assert [state for _, state, _, _ in seen] == [EXPORT, TARGET, TARGET, EXPORT, "PASS"]

"""The list of who names the old tables, for people."""

from __future__ import annotations

import pytest

from runbook_lib.references.listing import NOBODY, as_markdown
from runbook_lib.run.facts.around.references import References


@pytest.mark.parametrize(("tables", "said"), [(1, "Asked for 1 old table. "), (6, "Asked for 6 old tables. ")])
def test_the_number_of_tables_is_not_read_as_that_of_the_places(tables: int, said: str) -> None:
    """`Who names the old tables (6)` stood above `No place ... names an old table`."""
    heading, _, sentence, *_ = as_markdown(References(), tables).splitlines()
    assert heading == "# Who names the old tables"
    assert sentence == said + NOBODY

"""ImportTable with errors: items that it refused, and their owner has put since, are not the run's."""

from __future__ import annotations

import pytest

from runbook_lib.run.facts.load import ImportFact, ImportStatus, ServiceImportFact


@pytest.mark.parametrize("imported", [None, 20])
def test_what_dynamodb_says_it_imported_is_what_it_put(imported: int | None) -> None:
    fact = ImportFact(ImportStatus.COMPLETED, import_table=ServiceImportFact("t", {}, imported=imported))
    assert fact.put_by_service == imported

"""What moto's descriptions lack: a table's id and size, and a recovery window that moves with the clock."""

from __future__ import annotations

from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

from runbook_lib.sandbox.emulator.store import Store, size_of, table_id


def install_descriptions(store: Store) -> None:
    """Let DescribeTable, DescribeContinuousBackups and UpdateContinuousBackups say what AWS says."""
    _install_table(store)
    _install_backups(store)


def _install_table(store: Store) -> None:
    moto_describe = Table.describe

    def describe(table: Table, base_key: str = "TableDescription") -> dict[str, Any]:
        description = moto_describe(table, base_key)
        with store.locked():
            items = store.order(table).walk(bytes(16), None)
            description[base_key]["TableSizeBytes"] = sum(size_of(item) for item in items)
        description[base_key]["TableId"] = table_id(table)
        description[base_key]["TableStatus"] = getattr(table, "sandbox_status", "ACTIVE")
        for name in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            if not description[base_key].get(name):  # AWS leaves an empty list out
                description[base_key].pop(name, None)
        return description

    # moto offers no seam here, and none below.
    Table.describe = describe  # type: ignore[method-assign, assignment]


def _install_backups(store: Store) -> None:
    moto_describe, moto_update = (
        DynamoDBBackend.describe_continuous_backups,
        DynamoDBBackend.update_continuous_backups,
    )

    def describe(backend: DynamoDBBackend, table_name: str) -> dict[str, Any]:
        backups = moto_describe(backend, table_name)
        table = backend.get_table(table_name)
        if store.is_recovered(table):
            now = store.clock.exact(table.table_arn)
            backups["PointInTimeRecoveryDescription"]["LatestRestorableDateTime"] = now.timestamp()
        return backups

    def update(backend: DynamoDBBackend, table_name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        known = (t for name, t in backend.tables.items() if table_name in (name, t.table_arn))
        table = next(known, None)
        was_on = table is not None and store.is_recovered(table)
        backups = moto_update(backend, table_name, *args, **kwargs)
        if table is not None and not was_on and store.is_recovered(table):
            store.forget_log(table)
            since = store.clock.exact(table.table_arn).timestamp()
            backups["PointInTimeRecoveryDescription"]["EarliestRestorableDateTime"] = since
        return backups

    backend: Any = DynamoDBBackend
    backend.describe_continuous_backups, backend.update_continuous_backups = describe, update

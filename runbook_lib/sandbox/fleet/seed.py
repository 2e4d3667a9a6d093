"""Fill a sandbox with the state the reference migration started from.

Source tables with data in one region, their empty renamed twins in the other, a staging bucket, and under the
same prefix the exports of earlier days: two complete ones of `companies`, one of every other table that can
be exported.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from moto.dynamodb.models.table import Table
from moto.s3.models import S3Backend

from runbook_lib.sandbox.emulator.rules.values import check_item
from runbook_lib.sandbox.emulator.s3.export import ExportJobs
from runbook_lib.sandbox.emulator.store import Store, stored
from runbook_lib.sandbox.fleet.data import items
from runbook_lib.sandbox.fleet.tables import (
    SOURCE_REGION,
    STAGING_BUCKET,
    STAGING_PREFIX,
    TARGET_REGION,
    FleetKey,
    FleetTable,
    fleet,
    item_count,
)

_RECOVERY_WINDOW = timedelta(days=35)
_EXPORT_AGE = timedelta(days=3)


def seed(store: Store, exports: ExportJobs, s3: S3Backend, account: str, scale: float) -> int:
    """Create and fill everything; return how many items the source tables hold."""
    s3.create_bucket(STAGING_BUCKET, TARGET_REGION)
    total = 0
    now = datetime.now(UTC)
    for position, facts in enumerate(fleet()):
        source = _create(store, account, SOURCE_REGION, facts.source, facts)
        _create(store, account, TARGET_REGION, facts.target, facts)
        total += _fill(store, source, facts, item_count(facts, scale))
        if facts.point_in_time_recovery:
            _enable_recovery(source, now)
            # Staggered, so that no two exports have the same time in their id.
            moment = now.replace(microsecond=0) - _EXPORT_AGE + timedelta(minutes=position)
            for days in (1, 0) if facts.short_name == "companies" else (0,):
                exports.record_past_export(
                    account, source, STAGING_BUCKET, STAGING_PREFIX, moment - timedelta(days=days)
                )
    return total


def _create(store: Store, account: str, region: str, name: str, facts: FleetTable) -> Table:
    attributes = {part.name: part.type for key in (facts.key, *facts.indexes.values()) for part in key}
    return store.backend(account, region).create_table(
        name,
        schema=_schema(facts.key),
        throughput=None,
        attr=[{"AttributeName": name, "AttributeType": kind} for name, kind in attributes.items()],
        global_indexes=[
            {"IndexName": index, "KeySchema": _schema(key), "Projection": {"ProjectionType": "ALL"}}
            for index, key in facts.indexes.items()
        ],
        indexes=[],
        streams={"StreamEnabled": True, "StreamViewType": facts.stream} if facts.stream else None,
        billing_mode=facts.billing,
        sse_specification=None,
        tags=[],
        deletion_protection_enabled=facts.deletion_protection,
        warm_throughput=None,
    )


def _fill(store: Store, table: Table, facts: FleetTable, count: int) -> int:
    with store.locked():
        for item in items(facts, count):
            store.put(table, stored(table, item, check_item(item)))
    return count


def _enable_recovery(table: Table, now: datetime) -> None:
    recovery: dict[str, Any] = {
        "PointInTimeRecoveryStatus": "ENABLED",
        "RecoveryPeriodInDays": _RECOVERY_WINDOW.days,
        "EarliestRestorableDateTime": (now - _RECOVERY_WINDOW).timestamp(),
        "LatestRestorableDateTime": now.timestamp(),
    }
    table.continuous_backups["PointInTimeRecoveryDescription"] = recovery


def _schema(key: tuple[FleetKey, ...]) -> list[dict[str, str]]:
    return [{"AttributeName": part.name, "KeyType": role} for part, role in zip(key, ("HASH", "RANGE"), strict=False)]

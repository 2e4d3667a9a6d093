"""Writes docs/allowed-calls.md: every DynamoDB and S3 operation and what the guard says to it on each side."""

from __future__ import annotations

from pathlib import Path

import botocore
import botocore.session

from runbook_lib.aws.guard.allowed_calls import ALWAYS, ASKED

PAGE = Path(__file__).resolve().parents[1] / "docs" / "allowed-calls.md"
HEAD = """# Allowed calls

Written by `python -m tools.allowed_calls_page` from `runbook_lib/aws/guard/allowed_calls.py`, the one list, and
from all operations that botocore {version} knows. A refused call raises `ForbiddenCall` before
a byte leaves the machine, whatever it was called through: client,
resource, paginator, waiter, presigned URL or form, or the wire-level path.

- **yes**: allowed.
- **asked**: only with `--execute`, and only on the tables asked for by their plain names: `UpdateContinuousBackups`
  (turn point-in-time recovery on) for those of `export.enable_pitr`, `UpdateTable` (raise warm throughput) for those of
  `import.warm_throughput`, `BatchWriteItem` for the targets of the plan (with `import.on_non_empty: append`
  or `sync` instead `PutItem`, and only with the condition that nothing is under the key or, with `sync`, that every
  attribute is as it was read), `PutItem` and `DeleteItem` for them with
  `validate.canary`, `CreateTable` and what settles a new table for those that `tables.create_missing` creates,
  `ImportTable`, `DescribeImport`, `ListImports` and what settles a new table for those that `import.strategy` has
  imported, `StartBulkPutItems` (one request, to the letter), `DescribeBulkOperation` and `ListBulkOperations` for
  those that it fills by bulk puts, and `ListObjectsV2` for the one folder that such an import reads, also in a dry
  run, and the one that a bulk put writes. At a
  cleanup that was confirmed by the run's id: `DeleteItem` (only on the condition that every attribute is as it was
  read) and `PutItem` (only where nothing is: an item that had changed in that moment is put back) for the tables the
  run wrote to,
  `DeleteTable` and `UpdateTable` (lift the deletion protection) for tables
  that the run created, `DeleteObjects` for its own exports.
  Of the register of those who have written to a target: `TagResource` and `UntagResource` of the one tag
  `runbook:register`, `PutObject` of the run's own entry and only with `If-None-Match`, `ListObjectsV2` of the table's
  folder.
  With `report.anchor`: `GetObjectLockConfiguration` of the staging bucket before a folder is sealed, and after it,
  under `PREFIX/anchors/RUN_ID/`, `PutObject` (only with `If-None-Match`, a lock of its own only as COMPLIANCE) and
  `GetObject`. `runbook verify RUN_DIR --config CONFIG` reads there, with `ListObjectVersions`, and puts nothing.
  None of them is in the run's `staging_calls`, which are sealed by then.
  On both sides, by clients of their own and for `runbook references` and `runbook surroundings` alone, what reads the
  settings of queues, topics, rules, schedules, pipes, mappings, alarms, dashboards, log groups and interfaces: no
  message is received and nothing is changed.
- **no**: refused.

"""


def verdicts_of(operation: str) -> tuple[str, ...]:
    """The verdicts of source, target and staging side."""
    return tuple(
        "yes" if operation in ALWAYS[side] else "asked" if operation in ASKED[side] else "no" for side in ALWAYS
    )


def rows(text: str) -> list[list[str]]:
    """The table's rows as cells."""
    return [line.split("|") for line in text.splitlines() if line.startswith("| `")]


def page() -> str:
    session = botocore.session.Session()
    known = [
        f"{service}:{name}"
        for service in ("dynamodb", "s3")
        for name in sorted(session.get_service_model(service).operation_names)
    ]
    others = sorted({o for sides in (ALWAYS, ASKED) for side in sides.values() for o in side} - set(known))
    lines = ["| operation | source | target | staging |", "|---|---|---|---|"]
    lines += [f"| `{o}` | {' | '.join(verdicts_of(o))} |" for o in [*known, *others]]
    return HEAD.format(version=botocore.__version__) + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""Writes docs/allowed-calls.md: every DynamoDB and S3 operation and what the guard says to it on each side."""

from __future__ import annotations

from pathlib import Path

import botocore
import botocore.session

from runbook_lib.aws.guard.allowed_calls import ALWAYS, ASKED
from runbook_lib.aws.guard.conformance_calls import ON_OWN_OBJECTS, ON_OWN_TABLES, READS_WITHOUT_A_NAME

PAGE = Path(__file__).resolve().parents[1] / "docs" / "allowed-calls.md"
HEAD = """# Allowed calls

Written by `python -m tools.allowed_calls_page` from `runbook_lib/aws/guard/allowed_calls.py`, the one list, and
from all operations that botocore {version} knows. A refused call raises `ForbiddenCall` before
a byte leaves the machine, however it is made: through a client, resource, paginator, waiter,
presigned URL or form, or the wire-level path.

- **yes**: allowed.
- **asked**: only under conditions. In a run with `--execute`, and only on the requested tables by their plain names:
  - `UpdateContinuousBackups` (turn point-in-time recovery on) for those of `export.enable_pitr`;
  - `UpdateTable` (raise warm throughput) for those of `import.warm_throughput`;
  - `BatchWriteItem` for the plan's targets. With `import.on_non_empty: append` or `sync` it is `PutItem` instead, and
    only on the condition that the key is free or, with `sync`, that every attribute is as it was read;
  - `PutItem` and `DeleteItem` for them with `validate.canary`;
  - `CreateTable` and the calls that set up a new table for those that `tables.create_missing` creates;
  - `ImportTable`, `DescribeImport`, `ListImports` and the calls that set up a new table for those that
    `import.strategy` has imported, and `StartBulkPutItems` (exactly one request), `DescribeBulkOperation` and
    `ListBulkOperations` for those that it fills by bulk puts; `ListObjectsV2` for the one folder that such an import
    reads, also in a dry run, and the one that a bulk put writes.

  In a cleanup that was confirmed by the run's id: `DeleteItem` (only on the condition that every attribute is as it was
  read) and `PutItem` (only where the key is free, to put back an item that changed at that moment) for tables that the
  run wrote to, `DeleteTable` and `UpdateTable` (lift the deletion protection) for tables that it created, and
  `DeleteObjects` for its own exports.

  With `catch_up.by: streams`, of the sources' own streams: `DescribeStream`, `GetShardIterator` and `GetRecords` of the
  service DynamoDB Streams. No stream is ever turned on, changed or turned off.

  For the register of the runs that have written to a target: `TagResource` and `UntagResource` for the one tag
  `runbook:register`, `PutObject` for the run's own entry, or for a mark (that it writes, or has ended,
  or takes something back, or that a target is in use), and only with `If-None-Match`, `ListObjectsV2` for the table's
  folder. The same two beside the exports: for the entry of a run that uses another's, and the mark of a cleanup that
  takes its own away.

  With `report.anchor`: `GetObjectLockConfiguration` of the staging bucket before a folder is sealed, and afterwards,
  under `PREFIX/anchors/RUN_ID/`, `PutObject` (only with `If-None-Match`, a lock of its own only as COMPLIANCE) and
  `GetObject`. `runbook verify RUN_DIR --config CONFIG` reads there, with `ListObjectVersions`, and puts nothing.
  None of these calls is in the run's `staging_calls`, which are sealed by then.

  With `sign`, of the one key that it names: `kms:GetPublicKey` before a folder is sealed, and after it
  `kms:Sign` of the line that `sha256sum SHA256SUMS` prints, and of nothing else;
  `runbook verify RUN_DIR --config CONFIG --kms` asks `kms:GetPublicKey` and `kms:Verify`.

  At the gates of a cut-over, with `hooks` that probe functions: one `lambda:Invoke` of each, with exactly its payload.

  On both sides, with separate clients and only for `runbook references` and `runbook surroundings`: calls that read the
  settings of queues, topics, rules, schedules, pipes, mappings, alarms, dashboards, log groups and APIs. No
  message is received and nothing is changed.
- **no**: refused.

"""


CONFORMANCE = """
## `runbook conformance`

It has clients of its own, which no migration uses. They refuse everything but these calls, and those with a name for
any other name than `runbook-conformance-...`:

{groups}

`runbook conformance --migrate` runs a migration, for which the table above applies.
"""


def conformance_section() -> str:
    """What the clients of `runbook conformance` may ask, by what it has to name."""
    groups = (
        ("own tables", ON_OWN_TABLES),
        ("own objects in the bucket", ON_OWN_OBJECTS),
        ("without a name, only read", READS_WITHOUT_A_NAME),
    )
    lines = [f"- {what}: {', '.join(f'`{call}`' for call in sorted(calls))}" for what, calls in groups]
    return CONFORMANCE.format(groups="\n".join(lines))


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
    return HEAD.format(version=botocore.__version__) + "\n".join(lines) + "\n" + conformance_section()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

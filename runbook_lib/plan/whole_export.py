"""Only whole exports: what is asked of an export before anything of it is loaded, whoever made it.

AWS can export a part of a table (a filter, a projection, the changes of an hour) in the very layout of a whole
one. What DescribeExport knows decides; a manifest that is of another export, table or number of items is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from runbook_lib.aws.dynamodb.describe.tables import TableDescription, describe_table
from runbook_lib.aws.dynamodb.exports import ExportState, describe_export
from runbook_lib.errors import ExportError, ExportUnknown, PlanOutdated
from runbook_lib.export_format.manifest import FULL_EXPORT, INCREMENTAL_EXPORT, Manifest
from runbook_lib.timestamps import format_timestamp

CHECK = "export-is-whole"
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Wholeness:
    """Whether AWS was asked if an export is the whole table; `why` says why not."""

    checked: bool
    why: str = ""


def refuse_partial(state: ExportState, expected: str = FULL_EXPORT) -> None:
    """Raise ExportError for an export of a part of a table, or of another kind than the `expected` one."""
    if state.filtered is not None:
        kinds = ", ".join(state.filtered) or "an expression of a kind that this tool does not know"
        raise ExportError(
            f"expected an export of the whole table; {state.arn} was made with a FilterSpecification ({kinds}): it "
            "holds what the filter let through and is not the table; export again without one"
        )
    if expected == INCREMENTAL_EXPORT and state.kind not in (None, INCREMENTAL_EXPORT):
        raise ExportError(
            f"expected an {INCREMENTAL_EXPORT}; {state.arn} is a {state.kind}; name the full export first and its "
            "windows after it, in order"
        )
    if expected == FULL_EXPORT and state.kind not in (None, FULL_EXPORT):
        raise ExportError(
            f"expected a {FULL_EXPORT}; {state.arn} is an {state.kind}, which holds the changes of a stretch of time "
            "and is not the table; name a full export"
        )


def refuse_other(manifest: Manifest, state: ExportState) -> None:
    """Raise ExportError unless the manifest is of this very export, in everything that DescribeExport says."""
    for what, said, found in (
        ("the export", state.arn, manifest.export_arn),
        ("a table", state.table_arn, manifest.table_arn),
        ("a table with the id", state.table_id, manifest.table_id or None),
        ("an export with the number of items", state.items, manifest.items),
    ):
        if said is not None and found is not None and said != found:
            raise ExportError(
                f"the manifest in {manifest.folder} should be of {what} {said}, as DescribeExport says of {state.arn}, "
                f"and is of {found}; export again"
            )
    _refuse_other_moments(manifest, state)


def _refuse_other_moments(manifest: Manifest, state: ExportState) -> None:
    """Raise ExportError unless a manifest's moments are DynamoDB's: with others, a gap in a chain could seem closed.

    They are compared to the second, for DescribeExport may leave out what is below.
    """
    moments = [("the changes from", state.changes_from, manifest.changes_from),
               ("the changes up to", state.changes_to, manifest.changes_to)]  # fmt: skip
    if not manifest.view:
        moments = [("the table at", state.moment, manifest.export_time)]
    for what, said, found in moments:
        if said is not None and found and abs(datetime.fromisoformat(found) - said) >= SECOND:
            raise ExportError(
                f"the manifest in {manifest.folder} should be of {what} {format_timestamp(said.astimezone(UTC))}, as "
                f"DescribeExport says of {state.arn}, and is of {found}; put the manifest back as DynamoDB wrote it, "
                "or export again"
            )
    if state.view is not None and manifest.view and state.view != manifest.view:
        raise ExportError(
            f"the manifest in {manifest.folder} should have the view {state.view}, as DescribeExport says of "
            f"{state.arn}, and has {manifest.view}; put the manifest back as DynamoDB wrote it, or export again"
        )


def refuse_replaced(planned: TableDescription, table_id: str | None) -> None:
    """Raise PlanOutdated unless what was read is the table of the plan, and not one of its name that was made later.

    Nothing is said against a table of which either has no id.
    """
    if table_id and planned.table_id and table_id != planned.table_id:
        raise PlanOutdated(
            f"expected the source table {planned.name} that the plan was made for (id {planned.table_id}), found one "
            f"of that name made later (id {table_id}); nothing of it is loaded. Run again from the pre-flight"
        )


def refuse_gone(client: Any, planned: TableDescription) -> None:
    """Raise PlanOutdated if the source table of a plan is gone or another one now."""
    now = describe_table(client, planned.name)
    if now is None:
        raise PlanOutdated(
            f"source {planned.name} is gone, deleted after the pre-flight; nothing of it is loaded. Run again from the "
            "pre-flight"
        )
    refuse_replaced(planned, now.table_id)


def ask_whole(client: Any, manifest: Manifest) -> Wholeness:
    """Ask AWS whether the export of a manifest is the whole table; raises ExportError if it is not.

    An export that AWS does not know, or may not be asked about, is unchecked: nobody can tell. An answer about another
    export, or none that can be read, tells nothing: ExportError, too.
    """
    arn = manifest.export_arn
    if "/export/" not in arn:
        return Wholeness(False, f"{arn} is a scan by this tool, of which DynamoDB knows nothing")
    try:
        state = describe_export(client, arn)
    except ExportUnknown as error:
        return Wholeness(False, f"{error} (DynamoDB keeps an export's description for 90 days)")
    refuse_partial(state, INCREMENTAL_EXPORT if manifest.view else FULL_EXPORT)
    if state.status != "COMPLETED":
        raise ExportError(f"{arn} should be COMPLETED and is {state.status}; wait for it, or name another export")
    refuse_other(manifest, state)
    if state.unfamiliar:
        return Wholeness(False, f"DescribeExport says {', '.join(state.unfamiliar)}, which this version does not know")
    return Wholeness(True)

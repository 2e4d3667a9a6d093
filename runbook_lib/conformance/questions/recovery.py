"""Point-in-time recovery: off, on, and the moments it says."""

from __future__ import annotations

from typing import Any

from runbook_lib.conformance.made.exports import recovered
from runbook_lib.conformance.question import Area, api, guide, question
from runbook_lib.conformance.subject import Subject


def recovery(subject: Subject, table: str) -> dict[str, Any]:
    answer = subject.ddb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    found: dict[str, Any] = answer["PointInTimeRecoveryDescription"]
    return found


@question(
    Area.RECOVERY,
    expect="DISABLED",
    relied_on="a table that cannot be exported is scanned instead, or told",
    source=guide("Point-in-time recovery is not enabled by default"),
)
def recovery_is_off_at_first(subject: Subject) -> str:
    """Is the recovery of a new table off?"""
    return str(recovery(subject, subject.table("unrecovered"))["PointInTimeRecoveryStatus"])


@question(
    Area.RECOVERY,
    expect=("ENABLED", True, True),
    relied_on="an export begins once recovery is on, and its moments bound what may be asked for",
    source=api("PointInTimeRecoveryDescription"),
)
def recovery_that_is_on(subject: Subject) -> tuple[str, bool, bool]:
    """Has a table whose recovery is on an earliest and a latest moment?"""
    found = recovery(subject, recovered(subject))
    return (
        str(found["PointInTimeRecoveryStatus"]),
        "EarliestRestorableDateTime" in found,
        "LatestRestorableDateTime" in found,
    )


@question(
    Area.RECOVERY,
    expect=(True, True),
    relied_on="windows end at the latest moment, which lies behind the present",
    source=api("PointInTimeRecoveryDescription: typically 5 minutes before the current time"),
)
def latest_moment_lies_behind(subject: Subject) -> tuple[bool, bool]:
    """Is the latest moment not before the earliest, and not after the present?"""
    found = recovery(subject, recovered(subject))
    earliest, latest = (found[f"{which}RestorableDateTime"] for which in ("Earliest", "Latest"))
    lag = subject.clock() - latest.timestamp()
    subject.durations["recovery: lag of the latest moment, seconds"] = lag
    return latest >= earliest, lag > -60  # clocks may differ


@question(
    Area.RECOVERY,
    expect=35,
    relied_on="a window must begin within the days of recovery",
    source=api("PointInTimeRecoverySpecification, RecoveryPeriodInDays: the default is 35"),
)
def recovery_period(subject: Subject) -> int:
    """Are the days of recovery 35 when nothing else was asked for?"""
    return int(recovery(subject, recovered(subject))["RecoveryPeriodInDays"])


@question(
    Area.RECOVERY,
    expect=True,
    relied_on="recovery that was off for a while is a gap, told by its earliest moment",
    source=guide("Point-in-time recovery: disabling and enabling resets the start time"),
)
def recovery_off_and_on_begins_anew(subject: Subject) -> bool:
    """Does the earliest moment move when recovery is turned off and on again?"""
    name = subject.table("interrupted")

    def turn(on: bool) -> None:
        subject.ddb.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": on}
        )

    recovered(subject, "interrupted")
    before = recovery(subject, name)["EarliestRestorableDateTime"]
    turn(False)
    subject.sleep(1.1)  # the moments are told in seconds
    turn(True)
    return bool(recovery(subject, name)["EarliestRestorableDateTime"] > before)

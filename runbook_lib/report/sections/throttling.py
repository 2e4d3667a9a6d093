"""What it means that DynamoDB throttled, and what helps.

Source: "Troubleshooting throttling in Amazon DynamoDB", Developer Guide (ThrottlingReasons of an answer).
"""

from __future__ import annotations

from dataclasses import dataclass

UNNAMED = "UnprocessedItems"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`what` limited the writes, `remedy` what lets them go faster."""

    what: str
    remedy: str


REASON_ENDINGS = (
    (
        "KeyRangeThroughputExceeded",
        Diagnosis(
            "a hot key range of {resource} (1,000 write units per second each)",
            "more capacity does not help at once: the keys are uneven; spread them, or give DynamoDB time to split "
            "the range, or warm the table before",
        ),
    ),
    (
        "ProvisionedThroughputExceeded",
        Diagnosis(
            "the provisioned write capacity of {resource}",
            "raise its WriteCapacityUnits for the time of the import, or switch the table to on-demand",
        ),
    ),
    (
        "MaxOnDemandThroughputExceeded",
        Diagnosis(
            "the maximum on-demand throughput set for {resource}",
            "raise or remove MaxWriteRequestUnits for the time of the import",
        ),
    ),
    (
        "AccountLimitExceeded",
        Diagnosis(
            "the account's write limit for one table in this region ({resource})",
            "ask for a higher table-level write quota in Service Quotas",
        ),
    ),
    (
        "RequestLimitExceeded",
        Diagnosis("the account's throughput in this region", "ask for a higher quota in Service Quotas"),
    ),
)


def diagnose(reason: str, resource: str) -> Diagnosis:
    """What a throttling reason means; `resource` is the ARN DynamoDB named, or empty."""
    name = name_of(resource)
    for ending, diagnosis in REASON_ENDINGS:
        if reason.endswith(ending):
            return Diagnosis(diagnosis.what.format(resource=name), diagnosis.remedy)
    if reason == UNNAMED:
        return Diagnosis(
            "something DynamoDB does not name: it took a part of a batch and left the rest",
            "see the table's WriteThrottleEvents and its key ranges in CloudWatch",
        )
    return Diagnosis(
        f"{reason or 'a limit without a name'} at {name}", "see the table's WriteThrottleEvents in CloudWatch"
    )


def name_of(arn: str) -> str:
    """`index Owner of table a`, `table a`, or `the table` where nothing is named."""
    _, found, path = arn.partition(":table/")
    if not found:
        return "the table"
    table, _, index = path.partition("/index/")
    return f"index {index} of table {table}" if index else f"table {table}"

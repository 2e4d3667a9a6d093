"""How fast a table says it may be written.

Sources: "Quotas in Amazon DynamoDB", "Warm throughput" and "On-demand capacity mode", Developer Guide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.errors import TransferError

NEW_ON_DEMAND = 4_000.0  # write units per second of a table that nobody warmed


@dataclass(frozen=True, slots=True)
class WriteLimits:
    """A table's own limits in write units per second, None where it names none.

    `provisioned` is the least of the table's and its indexes', as each put may go to all of them;
    `maximum` is what an on-demand table is told never to pass, `warm` what it is ready for.
    """

    mode: str
    provisioned: float | None
    maximum: float | None
    warm: float | None

    @property
    def start(self) -> float:
        """The rate to begin with: what the table surely takes."""
        return self.provisioned or self.warm or NEW_ON_DEMAND

    @property
    def limit(self) -> float:
        """What the table takes: what is provisioned, else its own maximum, else what it is ready for at once."""
        return self.provisioned or self.maximum or self.start

    @property
    def known(self) -> bool:
        """Whether the table said what it takes."""
        return self.provisioned is not None or self.warm is not None


def write_limits(client: Any, table: str) -> WriteLimits:
    """Ask the table; raises TransferError if it does not answer."""
    try:
        said = client.describe_table(TableName=table).get("Table") or {}
    except (ClientError, BotoCoreError) as error:
        raise TransferError(f"cannot describe {table} to learn its write capacity: {error}") from None
    resources = [said, *(said.get("GlobalSecondaryIndexes") or [])]
    mode = (said.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED")
    provisioned = None
    if mode == "PROVISIONED":
        provisioned = _least(resources, "ProvisionedThroughput", "WriteCapacityUnits")
    return WriteLimits(
        mode=mode,
        provisioned=provisioned,
        maximum=_least(resources, "OnDemandThroughput", "MaxWriteRequestUnits"),
        warm=_least(resources, "WarmThroughput", "WriteUnitsPerSecond"),
    )


def _least(resources: list[dict[str, Any]], group: str, name: str) -> float | None:
    found = [value for r in resources if (value := (r.get(group) or {}).get(name) or 0) > 0]
    return float(min(found)) if found else None

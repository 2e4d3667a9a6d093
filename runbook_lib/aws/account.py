"""What an account allows: its capacity, its running exports, its clock, and its identity's permissions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.pages import pages
from runbook_lib.errors import ConfigError

PAGES_OF_EXPORTS = 40  # of 25 each; the history goes back 90 days
RESOURCES_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """Write units per second of DescribeLimits."""

    account_writes: int
    table_writes: int


def account_limits(client: Any) -> AccountLimits:
    """The account's limits in this region."""
    try:
        said = client.describe_limits()
    except (ClientError, BotoCoreError) as error:
        raise ConfigError(f"cannot ask for the account's limits: {error}") from None
    return AccountLimits(said["AccountMaxWriteCapacityUnits"], said["TableMaxWriteCapacityUnits"])


def running_exports(client: Any) -> tuple[int, bool]:
    """How many exports of the account run now, and whether all of its recent exports were looked at."""
    running, request = 0, {"MaxResults": 25}
    for _ in range(PAGES_OF_EXPORTS):
        try:
            answer = client.list_exports(**request)
        except (ClientError, BotoCoreError) as error:
            raise ConfigError(f"cannot list the account's exports: {error}") from None
        running += sum(e.get("ExportStatus") == "IN_PROGRESS" for e in answer.get("ExportSummaries", []))
        if not answer.get("NextToken"):
            return running, True
        request["NextToken"] = answer["NextToken"]
    return running, False


def server_time(client: Any, table: str | None = None) -> datetime:
    """The server's clock, to the second, from the Date of an answer; `table` is asked about where lists are refused."""
    try:
        answer = client.list_tables(Limit=1) if table is None else client.describe_time_to_live(TableName=table)
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
    except (ClientError, BotoCoreError) as error:
        raise ConfigError(f"cannot ask for the time: {error}") from None
    return date_of(headers.get("date") or "")


def date_of(header: str) -> datetime:
    """The moment that a Date header names; of several, which a proxy may add to, the first. It is in GMT, always.

    Source: RFC 9110, sections 5.6.7 and 6.6.1.
    """
    dates = re.findall(
        r"(?:[A-Za-z]{3,9}, *)?\d{1,2}[ -][A-Za-z]{3}[ -]\d{2,4} \d{2}:\d{2}:\d{2}(?: (?:GMT|[+-]\d{4}))?", header
    )
    try:
        found = parsedate_to_datetime(dates[0])
    except (IndexError, ValueError, TypeError):
        raise ConfigError("the server's answers carry no Date that can be read") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Denial:
    """An action on a resource that IAM would not allow; `unsaid` are the condition keys it was not told."""

    action: str
    resource: str
    unsaid: tuple[str, ...]


def denied(iam: Any, principal: str, actions: list[str], resources: list[str]) -> Iterator[Denial]:
    """The actions that IAM, simulating the principal's own policies, would not allow, and on what.

    Resource policies and service control policies of others are not part of the simulation.
    Source: "SimulatePrincipalPolicy", IAM API Reference.
    """
    named = [r for r in resources if r != "*"]
    for start in range(0, max(1, len(named)), RESOURCES_AT_ONCE):
        some = named[start : start + RESOURCES_AT_ONCE]
        request: dict[str, Any] = {"PolicySourceArn": principal, "ActionNames": actions}
        if some:
            request["ResourceArns"] = some
        try:
            simulated = pages(iam.simulate_principal_policy, "Marker", "Marker", **request)
            results = [result for page in simulated for result in page["EvaluationResults"]]
        except (ClientError, BotoCoreError) as error:
            raise ConfigError(f"IAM does not simulate {principal}: {error}") from None
        for result in results:
            yield from _denials(result)


def _denials(result: dict[str, Any]) -> Iterator[Denial]:
    """What one result refuses: resource by resource where it says so, else as a whole."""
    for one in result.get("ResourceSpecificResults") or [result]:
        if (one.get("EvalResourceDecision") or one.get("EvalDecision")) != "allowed":
            unsaid = one.get("MissingContextValues") or result.get("MissingContextValues") or []
            yield Denial(result["EvalActionName"], one.get("EvalResourceName") or "*", tuple(unsaid))

"""Who acts on each side, and whether IAM would allow what the run is going to do.

Asked for is exactly what `runbook policy` grants, by IAM's own simulation of the identity's policies. Where that
is not to be had it is not checked; the looks of the pre-flight itself are real probes of the reading half.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from runbook_lib.aws.account import denied
from runbook_lib.aws.session.identity import Identity
from runbook_lib.config.check_ids import CheckId
from runbook_lib.iac.iam_policy import policies
from runbook_lib.iac.planned_table import TablePermissions
from runbook_lib.iac.policy_statements import table_arn
from runbook_lib.plan.check import BLOCKER, Check, ok, run_check, unknown
from runbook_lib.preflight.checks.context import CheckContext

SHOWN = 5


def of_identities(context: CheckContext) -> Iterator[Check]:
    """Both identities and what they may do; the staging bucket's with it, where it is the target's."""
    clients = context.clients
    sides = {"source": clients.source_identity, "target": clients.target_identity}
    wanted = policies(context.config, grants_of(context), *sides.values())
    for side, who in sides.items():
        yield _identity(side, who)
        # No verdict depends on an anchor, on who names a table, on what scales a new one, or on an entry beside an
        # export that a person has named: that they cannot be had is no reason not to begin.
        apart = ("SimulateYourself", "Encrypt", "Anchor", "ReadReferences", "Scale", "EnterHandedOver")
        statements = [s for s in wanted[side]["Statement"] if not s["Sid"].startswith(apart)]
        yield permissions(side, who, statements, partial(clients.service, side, "iam"))


def grants_of(context: CheckContext) -> list[TablePermissions]:
    """What the plan's tables need; the keys of encrypted tables are left to the policies themselves."""
    clients = context.clients
    return [
        TablePermissions(
            source=pair.source,
            source_arn=pair.source_facts.arn if pair.source_facts else None,
            target_arn=table_arn(clients.target_identity, pair.target),
            method=pair.method,
            reuse=pair.reuse,
        )
        for pair in context.pairs
    ]


def _identity(side: str, who: Identity) -> Check:
    check = Check(CheckId.IDENTITY, side, BLOCKER, "an identity that STS knows", "", "use AWS credentials")
    if who.arn is None:
        return unknown(check, "the server has no STS")
    return ok(check, f"{who.arn} in {who.account}/{who.region}")


def permissions(side: str, who: Identity, statements: list[dict[str, Any]], iam: Callable[[], Any]) -> Check:
    """Whether an identity is allowed all of the statements; `iam` makes the client that is asked."""
    check = Check(
        CheckId.PERMISSIONS, side, BLOCKER, "all that the run is going to ask for", "",
        "grant it; `runbook policy` writes the whole policy",
    )  # fmt: skip
    if not who.is_aws:
        return unknown(check, "the server is not AWS, so there is no IAM to ask", "nothing here; on AWS, IAM is asked")
    if who.principal is None:
        return unknown(check, f"IAM can simulate users and roles; this is {who.arn}")
    principal = who.principal
    return run_check(check, lambda c: _simulated(c, iam(), principal, statements))


def _simulated(check: Check, iam: Any, principal: str, statements: list[dict[str, Any]]) -> Check:
    refused: dict[str, set[str]] = defaultdict(set)
    unsaid: dict[str, set[str]] = defaultdict(set)
    asked = 0
    for statement in statements:
        actions = [a for a in statement["Action"] if not a.endswith("*")]
        # What stands for many objects or exports is asked for one of them.
        resources = [r.replace("*", "runbook-probe") if r != "*" else r for r in statement["Resource"]]
        asked += len(actions)
        for denial in denied(iam, principal, actions, resources):
            if denial.unsaid:  # a condition on what only a real request has, such as the address it comes from
                unsaid[denial.action] |= set(denial.unsaid)
            else:
                refused[denial.action].add(denial.resource)
    if not refused and unsaid:
        keys = ", ".join(sorted(set().union(*unsaid.values())))
        return unknown(
            check, f"{', '.join(sorted(unsaid))}: allowed or not depending on {keys}, which IAM was not told"
        )
    if not refused:
        return ok(check, f"IAM allows all {asked} by the identity's own policies")
    words = [f"{a} on {len(rs)} of its resources, for instance {min(rs)}" for a, rs in sorted(refused.items())]
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return replace(check, found=f"not allowed: {'; '.join(words[:SHOWN])}{more}")

"""A probe of a function in Lambda: it is invoked once, and has to come to its end without an error."""

from __future__ import annotations

from runbook_lib.aws.credentials import Chain
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.session.function_client import invoke_once
from runbook_lib.config.moving.places import Side
from runbook_lib.config.sections.hooks import Hook
from runbook_lib.run.facts.cut_over.hooks import HookFault

Outcome = tuple[HookFault | None, int | None]
LATE = ("ReadTimeoutError", "ConnectTimeoutError")


def probe_lambda(hook: Hook, target: Side, calls: Calls, chain: Chain) -> Outcome:
    """Invoke it; the status of Lambda's answer stands beside the fault."""
    assert hook.lambda_ is not None
    asked = hook.lambda_
    told = invoke_once(target, calls, chain, asked.function, asked.payload, asked.region, hook.timeout)
    if told.refusal and told.status is not None:
        return HookFault.REFUSED, told.status
    if told.refusal:
        return (HookFault.TIMEOUT if told.refusal in LATE else HookFault.UNREACHABLE), None
    return (HookFault.FUNCTION_ERROR if told.failed else None), told.status

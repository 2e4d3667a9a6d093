"""How long a policy may be."""

from __future__ import annotations

import json

from runbook_lib.iac.policy_statements import (
    Json,
)

MANAGED_SIZE = 6_144  # characters without blanks; "IAM and AWS STS quotas", IAM User Guide
INLINE_SIZE = 10_240  # of all inline policies of a role together; same source


def size_note(side: str, policy: Json) -> str:
    size = len("".join(json.dumps(policy).split()))
    if size <= MANAGED_SIZE:
        return ""
    fits = "takes" if size <= INLINE_SIZE else "does not take"
    return (
        f"{side}: {size} characters without blanks. A managed policy takes {MANAGED_SIZE}, so spread its "
        f"statements over several; an inline policy of a role, with {INLINE_SIZE}, {fits} it."
    )

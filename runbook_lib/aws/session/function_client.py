"""A client that may invoke one function with one payload, as the target, once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.credentials import Chain
from runbook_lib.aws.endpoints import CONFIG, client_of, of_other_services
from runbook_lib.aws.guard.allowed_calls import TARGET_PROBES
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.session.identity import session_of
from runbook_lib.config.moving.places import Side

LONGEST_CONNECT = 10.0


@dataclass(frozen=True, slots=True)
class Invoked:
    """What came of it: the `status` of Lambda's answer, None without one; `failed` where the function has, and the
    `refusal` where it was not invoked, or nobody knows."""

    status: int | None
    failed: bool = False
    refusal: str = ""


def invoke_once(
    target: Side,
    calls: Calls,
    chain: Chain,
    function: str,
    payload: Mapping[str, Any],
    region: str | None,
    seconds: float,
) -> Invoked:
    """Invoke a function and wait for its end; what it says is not read.

    An answer that does not come is not asked for again: the function may be running.
    """
    asked = {"FunctionName": function, "InvocationType": "RequestResponse", "Payload": json.dumps(payload).encode()}
    forms = {"lambda:Invoke": lambda params: dict(params) == asked}
    guard = Guard("target", frozenset(), calls, dict.fromkeys(TARGET_PROBES, frozenset({function})), forms)
    session = session_of(target, guard, region, chain)
    once = Config(
        retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=seconds,
        connect_timeout=min(seconds, LONGEST_CONNECT),
    )  # fmt: skip
    client: Any = client_of(
        session, "lambda", of_other_services(session, "lambda", target.endpoint_url), CONFIG.merge(once)
    )
    try:
        answer = client.invoke(**asked)
        answer["Payload"].close()
    except ClientError as error:
        about = error.response.get("ResponseMetadata", {})
        return Invoked(about.get("HTTPStatusCode"), refusal=error.response["Error"].get("Code") or "ClientError")
    except BotoCoreError as error:
        return Invoked(None, refusal=type(error).__name__)
    finally:
        client.close()
    return Invoked(int(answer["StatusCode"]), failed=bool(answer.get("FunctionError")))

"""Another session of the account, as whom STS is made to know whoever asks."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.support.liar import Answer, Request
from tests.support.world import ACCOUNT


def arn_of(name: str) -> str:
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/session"


def as_someone(name: str) -> Callable[[Request, int, bytes], Answer | None]:
    """Changes what STS answers, and nothing else."""

    def told(request: Request, code: int, body: bytes) -> Answer | None:
        if b"Action=GetCallerIdentity" not in request.body:
            return None
        changed, found = re.subn(rb"<Arn>[^<]*</Arn>", f"<Arn>{arn_of(name)}</Arn>".encode(), body)
        assert found == 1
        return code, changed

    return told

"""Sessions hear nothing that was registered in another, and lose nothing that was unregistered there."""

from __future__ import annotations

import pytest
from botocore.handlers import BUILTIN_HANDLERS

from runbook_lib.aws.deadlines import Session


@pytest.mark.parametrize("register", ["register", "register_first", "register_last"])
def test_what_is_registered_in_one_session_is_heard_of_in_no_other(register: str) -> None:
    """Before and after a session was made, and after both have called once."""
    heard = []
    earlier, one = Session(), Session()
    for session in (earlier, one):
        session.get_component("event_emitter").emit("our-word.sqs.X")
    getattr(one.get_component("event_emitter"), register)("our-word.sqs", lambda **_: heard.append(register))
    for session in (earlier, Session()):
        session.get_component("event_emitter").emit("our-word.sqs.X")
    assert heard == []
    one.get_component("event_emitter").emit("our-word.sqs.X")
    assert heard == [register]


def test_what_is_unregistered_in_one_session_stays_in_the_others() -> None:
    heard = []
    one = Session()
    of_one = one.get_component("event_emitter")
    event, asked = "before-parameter-build.s3.ListObjects", {"params": {"Bucket": "b"}, "context": {}}
    named = [spec[1] for spec in BUILTIN_HANDLERS if spec[0] == event]
    assert named
    for handler in named:
        of_one.unregister(event, handler)
    for session in (one, Session()):
        said = session.get_component("event_emitter").emit(event, model=None, **asked)
        heard.append([handler for handler, _ in said if handler in named])
    assert heard == [[], named]

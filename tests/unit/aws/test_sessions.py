"""A session hears nothing of what was registered in another."""

from __future__ import annotations

import pytest

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

"""Sessions have what botocore registers in each, and nothing that was registered in another."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.handlers import BUILTIN_HANDLERS

from runbook_lib.aws.deadlines import Session

EVENTS = sorted({spec[0] for spec in BUILTIN_HANDLERS})


def handlers(session: Any, event: str) -> list[Any]:
    """Who is called for an event, in this order."""
    events = session.get_component("event_emitter")
    return list(events._emitter._handlers.prefix_search(events._alias_event_name(event)))


def test_a_session_calls_whom_botocore_would_in_the_same_order() -> None:
    plain, own = botocore.session.Session(), Session()
    assert len(EVENTS) > 100
    for event in EVENTS:
        assert handlers(own, event) == handlers(plain, event) != [], event


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
    one = Session()
    event, handler = next((spec[0], spec[1]) for spec in BUILTIN_HANDLERS)
    one.get_component("event_emitter").unregister(event, handler)
    assert handler not in handlers(one, event)
    assert handler in handlers(Session(), event)

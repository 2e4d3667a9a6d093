"""Probes over HTTP: a page with its status, and a GraphQL query with something under a path of its answer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage
from queue import Empty, SimpleQueue
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from runbook_lib.config.sections.hooks import GraphqlProbe, Hook
from runbook_lib.run.facts.cut_over.hooks import HookFault

LARGEST, PIECE = 10_000_000, 65_536
Outcome = tuple[HookFault | None, int | None]
Answer = tuple[HookFault | None, int | None, bytes]


class _Stay(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        return None


def probe_http(hook: Hook) -> Outcome:
    """Ask a page; it has to answer with the status that is expected."""
    assert hook.http is not None
    fault, status, _ = _answer(Request(hook.http.url), hook.timeout)
    return fault or (None if status == hook.http.status else HookFault.STATUS), status


def probe_graphql(hook: Hook, environment: Mapping[str, str]) -> Outcome:
    """Ask a query; an answer with errors, or with nothing under the path, has failed."""
    assert hook.graphql is not None
    asked = hook.graphql
    if any(variable not in environment for variable in asked.headers.values()):
        return HookFault.NO_VARIABLE, None
    headers = {name: environment[variable] for name, variable in asked.headers.items()}
    body = json.dumps({"query": asked.query}).encode()
    request = Request(asked.endpoint, body, headers | {"Content-Type": "application/json"}, method="POST")
    fault, status, answer = _answer(request, hook.timeout)
    if fault is not None or status != 200:
        return fault or HookFault.STATUS, status
    return _judged(asked, answer), status


def _judged(asked: GraphqlProbe, answer: bytes) -> HookFault | None:
    try:
        found: Any = json.loads(answer)
    except ValueError:
        return HookFault.NO_ANSWER
    if not isinstance(found, dict):
        return HookFault.NO_ANSWER
    if found.get("errors"):
        return HookFault.ERRORS
    place = found.get("data")
    for name in asked.path.split("."):
        if isinstance(place, list) and name.isdecimal():
            place = place[int(name)] if int(name) < len(place) else None
        else:
            place = place.get(name) if isinstance(place, dict) else None
    return HookFault.NULL if place is None else None


def _answer(request: Request, seconds: float) -> Answer:
    """The status and body of an answer, within so many seconds, however slowly it comes.

    What is asked of the network has a limit for each piece only, and names and headers come in pieces, too.
    """
    told: SimpleQueue[Answer] = SimpleQueue()
    threading.Thread(target=lambda: told.put(_asked(request, seconds)), name="probe", daemon=True).start()
    try:
        return told.get(timeout=seconds)
    except Empty:
        return HookFault.TIMEOUT, None, b""


def _asked(request: Request, seconds: float) -> Answer:
    ends = time.monotonic() + seconds
    try:
        try:
            reply = build_opener(_Stay).open(request, timeout=seconds)
        except HTTPError as refused:
            return None, refused.code, b""
        with reply:
            body = b""
            while len(body) < LARGEST and (piece := reply.read1(PIECE)):
                body += piece
                if time.monotonic() > ends:
                    return HookFault.TIMEOUT, None, b""
            return None, int(reply.status), body
    except TimeoutError:
        return HookFault.TIMEOUT, None, b""
    except URLError as error:
        late = isinstance(error.reason, TimeoutError)
        return (HookFault.TIMEOUT if late else HookFault.UNREACHABLE), None, b""
    except (OSError, HTTPException, ValueError):
        return HookFault.UNREACHABLE, None, b""

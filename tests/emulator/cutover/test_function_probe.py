"""A function of Lambda as a probe: invoked once with its payload, as the target, and judged by how it ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import ValidationError

from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.session.function_client import invoke_once
from runbook_lib.aws.session.identity import chain_of
from runbook_lib.config.moving.places import Side
from runbook_lib.config.sections.hooks import Hook
from runbook_lib.errors import ForbiddenCall, GateFailed
from runbook_lib.hooks.function import probe_lambda
from runbook_lib.run.facts.cut_over.gates import CUT_OVERS
from runbook_lib.run.facts.cut_over.hooks import HookFault
from tests.support.cutting_over import cut
from tests.support.moving import live, moved
from tests.support.world import World


class Lambda(BaseHTTPRequestHandler):
    """Answers as the function's name says."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, json.loads(body)))  # type: ignore[attr-defined]
        name = self.path.split("/")[3]
        if name == "hangs":
            self.server.over.wait(20)  # type: ignore[attr-defined]
        if name == "cut":
            self.close_connection = True
            return
        self.send_response(int(name) if name.isdecimal() else 200)
        if name == "raises":
            self.send_header("X-Amz-Function-Error", "Unhandled")
        answer = b'{"secret": "of an item"}'
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def lambdas() -> Iterator[Any]:
    made: Any = ThreadingHTTPServer(("127.0.0.1", 0), Lambda)
    made.over, made.seen = threading.Event(), []
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.over.set()
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def target(lambdas: Any, monkeypatch: pytest.MonkeyPatch) -> Side:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    return Side(region="us-east-2", endpoint_url=f"http://127.0.0.1:{lambdas.server_address[1]}")


def hook(function: str, **more: Any) -> Hook:
    return Hook.model_validate({"name": "f", "lambda": {"function": function, **more}, "timeout": 1.0})


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("orders-api", (None, 200)), ("raises", (HookFault.FUNCTION_ERROR, 200)), ("403", (HookFault.REFUSED, 403)),
        ("404", (HookFault.REFUSED, 404)), ("429", (HookFault.REFUSED, 429)), ("500", (HookFault.REFUSED, 500)),
        ("hangs", (HookFault.TIMEOUT, None)), ("cut", (HookFault.UNREACHABLE, None)),
    ],
)  # fmt: skip
def test_a_function_is_judged_by_its_end_and_never_invoked_twice(
    lambdas: Any, target: Side, function: str, expected: Any
) -> None:
    began = time.monotonic()
    assert probe_lambda(hook(function, payload={"id": "1"}), target, Calls(), chain_of(target, "target")) == expected
    assert [body for _, body in lambdas.seen] == [{"id": "1"}]
    assert time.monotonic() - began < 10


def test_nothing_but_the_function_with_its_payload_can_be_invoked(target: Side, lambdas: Any) -> None:
    with pytest.raises(ForbiddenCall):
        _other_payload(target)
    assert lambdas.seen == []


def _other_payload(target: Side) -> None:
    from unittest.mock import patch

    from runbook_lib.aws.session import function_client

    made = function_client.client_of

    class Wrong:
        def __init__(self, client: Any) -> None:
            self.client = client

        def invoke(self, **asked: Any) -> Any:
            return self.client.invoke(**asked | {"Payload": b'{"another": 1}'})

        def close(self) -> None:
            self.client.close()

    with patch.object(function_client, "client_of", lambda *given: Wrong(made(*given))):
        invoke_once(target, Calls(), chain_of(target, "target"), "orders-api", {"id": "1"}, None, 1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"function": ""},
        {"function": "a b"},
        {"function": "111122223333:function:f"},
        {"function": "arn:aws:s3:::f"},
        {"function": "f", "payload": "text"},
        {},
    ],
)
def test_what_names_no_function_is_refused_by_the_file(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Hook.model_validate({"name": "f", "lambda": wrong})


def test_an_arn_names_its_region() -> None:
    asked = hook("arn:aws:lambda:eu-west-1:111122223333:function:f").lambda_
    assert asked is not None
    assert asked.region == "eu-west-1"


@pytest.mark.chaos
def test_a_function_that_fails_keeps_the_go_shut(world: World, lambdas: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://127.0.0.1:{lambdas.server_address[1]}")
    smoke = [{"name": "reads", "lambda": {"function": "raises"}}]
    moving = moved(world, hooks={"smoke": smoke})
    live(moving, 0)
    moving.catch_up()
    moving.validated()
    with pytest.raises(GateFailed, match=r"SMOKE_FAILED: .*reads \(lambda\): function-error 200"):
        cut(moving, moving.now())
    assert CUT_OVERS.of(moving.run.ledger).go_at is None  # type: ignore[union-attr]
    assert moving.run.ledger.calls("target")["Invoke"] == 1

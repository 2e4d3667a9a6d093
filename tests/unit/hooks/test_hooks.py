"""Commands and probes: what each comes to, that no shell reads them, and that nothing outlives its limit."""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from runbook_lib.config.sections.hooks import Hook
from runbook_lib.hooks.command import run_command
from runbook_lib.hooks.probe import probe_graphql, probe_http
from runbook_lib.run.facts.cut_over.hooks import HookFault


class Answering(BaseHTTPRequestHandler):
    """Answers as its path says."""

    def do_GET(self) -> None:
        if self.path == "/hangs":
            self.server.over.wait(20)  # type: ignore[attr-defined]
        if self.path == "/headers-drip":
            for sign in itertools.chain(b"HTTP/1.1 200 OK\r\nX-Long: ", itertools.repeat(ord("x"))):
                if self.server.over.wait(0.05):  # type: ignore[attr-defined]
                    return
                self.wfile.write(bytes([sign]))
                self.wfile.flush()
        if self.path == "/drips":
            self.send_response(200)
            self.end_headers()
            while not self.server.over.wait(0.05):  # type: ignore[attr-defined]
                self.wfile.write(b"x")
                self.wfile.flush()
            return
        self.send_response(int(self.path.strip("/") or 200) if self.path.strip("/").isdecimal() else 200)
        self.send_header("Location", "/200")
        self.end_headers()

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((json.loads(asked), self.headers.get("x-api-key")))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.answers)  # type: ignore[attr-defined]

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Any]:
    made: Any = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    made.over, made.seen, made.answers = threading.Event(), [], b"{}"
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.over.set()
    made.shutdown()
    made.server_close()
    thread.join()


def url(server: Any, path: str = "") -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/{path}"


def command(*arguments: str, timeout: float = 30.0, environment: list[str] | None = None) -> Hook:
    return Hook(name="c", run=list(arguments), timeout=timeout, environment=environment or [])


def python(program: str, **more: Any) -> Hook:
    return command(sys.executable, "-c", program, **more)


@pytest.mark.parametrize(
    ("program", "expected"), [("pass", (None, 0)), ("raise SystemExit(7)", (HookFault.EXIT_CODE, 7))]
)
def test_a_command_is_judged_by_its_exit_code(program: str, expected: Any) -> None:
    assert run_command(python(program), os.environ) == expected


def test_a_command_that_is_not_there_is_not_started() -> None:
    assert run_command(command("/no/such/program"), os.environ) == (HookFault.NOT_STARTED, None)


def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert run_command(command("true", f"; touch {made}", f"$(touch {made})"), os.environ)[0] is None
    assert not made.exists()


def test_a_command_gets_the_named_variables_and_no_other(tmp_path: Path) -> None:
    told = tmp_path / "told"
    hook = python(
        f"import os, json; open({str(told)!r}, 'w').write(json.dumps(dict(os.environ)))", environment=["MINE"]
    )
    given = {"PATH": os.environ["PATH"], "MINE": "1", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert run_command(hook, given) == (None, 0)
    assert {"AWS_SECRET_ACCESS_KEY", "HOME"} & json.loads(told.read_text()).keys() == set()
    assert json.loads(told.read_text())["MINE"] == "1"


def test_a_command_that_does_not_end_is_ended_with_what_it_started(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = f"import time\nwhile True:\n    open({str(alive)!r}, 'a').write('x'); time.sleep(0.02)"
    program = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    began = time.monotonic()
    assert run_command(python(program, timeout=1.0), os.environ) == (HookFault.TIMEOUT, None)
    assert time.monotonic() - began < 20
    size = alive.stat().st_size if alive.exists() else 0
    time.sleep(0.3)
    assert (alive.stat().st_size if alive.exists() else 0) == size


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("200", 200, (None, 200)), ("204", 204, (None, 204)), ("500", 200, (HookFault.STATUS, 500)),
        ("404", 404, (None, 404)), ("302", 200, (HookFault.STATUS, 302)), ("302", 302, (None, 302)),
    ],
)  # fmt: skip
def test_a_page_is_judged_by_its_status_and_a_redirect_not_followed(
    server: Any, path: str, status: int, expected: Any
) -> None:
    hook = Hook.model_validate({"name": "h", "http": {"url": url(server, path), "status": status}})
    assert probe_http(hook) == expected


@pytest.mark.parametrize("path", ["hangs", "drips", "headers-drip"])
def test_a_page_that_does_not_come_to_its_end_is_not_waited_for(server: Any, path: str) -> None:
    hook = Hook.model_validate({"name": "h", "http": {"url": url(server, path)}, "timeout": 0.5})
    began = time.monotonic()
    assert probe_http(hook) == (HookFault.TIMEOUT, None)
    assert time.monotonic() - began < 10


def test_a_server_that_is_not_there_is_unreachable(server: Any) -> None:
    hook = Hook.model_validate({"name": "h", "http": {"url": "http://127.0.0.1:1/"}, "timeout": 5.0})
    assert probe_http(hook) == (HookFault.UNREACHABLE, None)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"data": {"orders": {"items": [{"id": 1}]}}}, None),
        ({"data": {"orders": {"items": []}}}, HookFault.NULL),
        ({"data": {"orders": None}}, HookFault.NULL),
        ({"data": None}, HookFault.NULL),
        ({"data": {"orders": {"items": [{"id": 1}]}}, "errors": [{"message": "x"}]}, HookFault.ERRORS),
        ([], HookFault.NO_ANSWER),
        ("nothing", HookFault.NO_ANSWER),
    ],
)
def test_a_query_has_to_be_answered_with_something_under_its_path(server: Any, answer: Any, fault: Any) -> None:
    server.answers = json.dumps(answer).encode()
    asked = {"endpoint": url(server), "query": "{orders}", "path": "orders.items.0.id", "headers": {"x-api-key": "KEY"}}
    hook = Hook.model_validate({"name": "g", "graphql": asked})
    assert probe_graphql(hook, {"KEY": "k"}) == (fault, 200)
    assert server.seen == [({"query": "{orders}"}, "k")]
    assert probe_graphql(hook, {}) == (HookFault.NO_VARIABLE, None)


@pytest.mark.parametrize(
    "settings",
    [
        {}, {"run": ["a"], "http": {"url": "http://a/"}}, {"run": []}, {"run": "rm -rf"},
        {"http": {"url": "file:///etc/passwd"}}, {"http": {"url": "http://user:word@a/"}}, {"run": ["a"], "timeout": 0},
    ],
)  # fmt: skip
def test_a_hook_is_one_thing_within_limits(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Hook.model_validate({"name": "x"} | settings)

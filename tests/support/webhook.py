"""Somebody's chat on this machine: what it was told, and what it does about it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Service(BaseHTTPRequestHandler):
    """Somebody's chat."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(json.loads(body))  # type: ignore[attr-defined]
        if "hangs" in self.path:
            self.server.over.wait(30)  # type: ignore[attr-defined]
        self.send_response(500 if "fails" in self.path else 200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def webhook() -> Iterator[Any]:
    """A server on a free port; `seen` is what it was told."""
    made: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    made.over, made.seen = threading.Event(), []
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.over.set()
        made.shutdown()
        made.server_close()
        thread.join()

"""The sandbox's HTTP server: threads, loopback only, connections kept open, one packet per answer.

werkzeug's own handler closes every connection, which costs a client a new one per request.
"""

from __future__ import annotations

import io
import logging
import socket
import sys
import traceback
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from runbook_lib.sandbox.server.app import WsgiApp

HOST = "127.0.0.1"


class KeepAliveHandler(MotoRequestHandler):
    """Serve the requests of one connection; each is read whole, so that the next one starts where it should."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Serve one request; called by the base class."""
        environ = self.make_environ()
        if environ.get("wsgi.input_terminated"):
            body = environ["wsgi.input"].read()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        started: list[Any] = []
        try:
            chunks = self.server.app(environ, _collect(started))
            self._send(started[0], started[1], b"".join(chunks))
        except ConnectionError:
            self._cut()
        except Exception:  # whatever moto trips over: the client gets a 500, the log the reason
            traceback.print_exc(file=sys.stderr)
            self._send("500 Internal Server Error", [("Content-Type", "text/plain")], b"sandbox error\n")

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log no request: a notebook cell would drown in them."""

    def _send(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        declared = next((int(value) for name, value in headers if name.lower() == "content-length"), None)
        lines = [f"HTTP/1.1 {status}", f"Date: {self.date_time_string()}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if declared is None:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        self.wfile.write(head if self.command == "HEAD" else head + body)
        if declared is not None and declared > len(body) and self.command != "HEAD":
            self._cut()  # a truncated answer

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def _collect(started: list[Any]) -> Any:
    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        started[:] = status, headers

    return start_response


def listen(port: int) -> socket.socket:
    """Take a port on the loopback interface (0: any free one); OSError if it is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def serve(listener: socket.socket, app: WsgiApp) -> BaseWSGIServer:
    """Build the server on a listening socket; the caller runs `serve_forever`."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server(
        HOST,
        listener.getsockname()[1],
        app,
        threaded=True,
        request_handler=KeepAliveHandler,
        fd=listener.fileno(),
    )
    server.daemon_threads = True  # type: ignore[attr-defined]  # of ThreadingMixIn
    return server

"""Run the sandbox: `python -m runbook_lib.sandbox.server --port 0`.

Prints `READY http://127.0.0.1:PORT` when everything is in place. Ends at once on SIGTERM or SIGINT, and with
--watch-stdin when its standard input ends, which happens when the process that started it is gone, however it
went.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import socket
import sys
import threading
from typing import Any

from runbook_lib.garbage import look_seldom
from runbook_lib.sandbox.fleet.tables import DEFAULT_ACCOUNT, DEFAULT_SCALE, STAGING_BUCKET, TARGET_REGION

PORT_TAKEN = 3  # exit code


def serve_sandbox(arguments: list[str] | None = None) -> None:
    """Start the sandbox and serve until told to stop."""
    options = _parse(arguments)
    # First of all, so that a parent that dies while the data is made does not leave us behind.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _end())
    if options.watch_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    # Read by moto at import and per request: nothing of the caller's may leak into it.
    for name in [name for name in os.environ if name.startswith("MOTO_")]:
        del os.environ[name]
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"

    from runbook_lib.sandbox.server.httpd import HOST, listen, serve

    try:
        listener = listen(options.port)
    except OSError as error:
        print(f"port {options.port} on {HOST} cannot be used: {error.strerror}", file=sys.stderr)
        raise SystemExit(PORT_TAKEN) from error
    app = _build(options)
    # Seeded objects live as long as the process: the collector need not look at them again.
    gc.collect()
    look_seldom()
    with listener:
        server = serve(listener, app)
        _announce(listener)
        server.serve_forever(poll_interval=0.2)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="runbook_lib.sandbox.server", description="Run the AWS emulator for demos.")
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--scale", type=float, default=DEFAULT_SCALE, help="1 is the size of the reference fleet")
    parser.add_argument("--empty", action="store_true", help="no tables, only the staging bucket")
    parser.add_argument("--export-seconds", type=float, default=1.0, help="how long an export takes at least")
    parser.add_argument("--account", default=DEFAULT_ACCOUNT, help="the AWS account to pretend to be")
    parser.add_argument("--watch-stdin", action="store_true", help="end when standard input ends")
    return parser.parse_args(arguments)


def _build(options: argparse.Namespace) -> Any:
    from moto.iam.models import get_account_id_from
    from moto.moto_server.werkzeug_app import create_backend_app
    from moto.s3.models import s3_backends

    from runbook_lib.sandbox.emulator.descriptions import install_descriptions
    from runbook_lib.sandbox.emulator.s3.bucket import open_bucket, read_prefix
    from runbook_lib.sandbox.emulator.s3.bulk_put import BulkPutJobs
    from runbook_lib.sandbox.emulator.s3.export import ExportJobs
    from runbook_lib.sandbox.emulator.s3.import_table import ImportJobs
    from runbook_lib.sandbox.emulator.store import Store
    from runbook_lib.sandbox.emulator.streams.shards import install_streams
    from runbook_lib.sandbox.fleet.seed import seed
    from runbook_lib.sandbox.server.app import FrontDoor
    from runbook_lib.sandbox.server.dispatch import ServiceDispatcher

    store = Store()
    store.install()
    install_descriptions(store)
    install_streams(store)
    exports = ExportJobs(store, open_bucket, options.export_seconds)
    imports = ImportJobs(store, read_prefix, options.export_seconds)
    bulk_puts = BulkPutJobs(store, read_prefix, open_bucket, options.export_seconds)
    s3 = s3_backends[options.account]["aws"]
    if options.empty:
        s3.create_bucket(STAGING_BUCKET, TARGET_REGION)
        count = 0
    else:
        count = seed(store, exports, s3, options.account, options.scale)
    facts = {"scale": options.scale, "empty": options.empty, "source_items": count}
    moto = ServiceDispatcher(create_backend_app)
    return FrontDoor(moto, store, exports, imports, bulk_puts, options.account, get_account_id_from, facts)


def _announce(listener: socket.socket) -> None:
    host, port = listener.getsockname()
    print(f"READY http://{host}:{port}", flush=True)


def _end_with_stdin() -> None:
    # The file descriptor, not sys.stdin: a blocked read of the latter would hold its lock.
    while os.read(0, 4096):
        pass
    _end()


def _end() -> None:
    """Leave without a teardown: freeing moto's objects one by one takes longer than a user waits."""
    os._exit(0)


if __name__ == "__main__":
    serve_sandbox()

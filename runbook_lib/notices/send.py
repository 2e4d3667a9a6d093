"""Send a notice through apprise, in a process of its own: it has the URLs alone, a time limit, and is not listened to.

What apprise and its services print may show the URLs, which hold secrets; so all that comes back are two numbers.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping

from runbook_lib.config.sections.notify import Notify
from runbook_lib.extras import how_to_install, is_installed
from runbook_lib.notices.message import Notice, notice_of, occasion_of
from runbook_lib.record.run_json import RunRecord

PASSED_ON = (
    "PATH", "HOME", "LANG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "RUNBOOK_OFFLINE", "PYTHONPATH",
)  # fmt: skip


def tell(
    settings: Notify | None, record: RunRecord, say: Callable[[str], None], environment: Mapping[str, str] | None = None
) -> RunRecord:
    """Tell what a run came to, where the migration file wants it told; says whether that worked, and never raises.

    Returns the record as it was.
    """
    if settings is not None and occasion_of(record) in settings.on:
        say(f"notice: {_sent(settings, record, os.environ if environment is None else environment)}")
    return record


def _sent(settings: Notify, record: RunRecord, environment: Mapping[str, str]) -> str:
    if not environment.get(settings.urls_env, "").strip():
        return f"not sent: the environment variable {settings.urls_env} is not set"
    if not is_installed("notify"):
        return f"not sent: it needs the extra `notify`; {how_to_install('notify')}"
    sent, of = send(notice_of(record, settings), settings, environment)
    return f"sent to {sent} of {of}" if of else f"not sent: no answer within notify.timeout ({settings.timeout:g} s)"


def send(notice: Notice, settings: Notify, environment: Mapping[str, str]) -> tuple[int, int]:
    """To how many of how many URLs it was sent; none of none where the time was over, or nobody knows."""
    allowed = {name: environment[name] for name in (*PASSED_ON, settings.urls_env) if name in environment}
    asked = json.dumps({"title": notice.title, "body": notice.body, "urls_env": settings.urls_env})
    started = subprocess.Popen(
        [sys.executable, "-m", "runbook_lib.notices.sender"], env=allowed, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        answer, _ = started.communicate(asked.encode(), settings.timeout)
        sent, of = json.loads(answer.splitlines()[-1])
        return int(sent), int(of)
    except (subprocess.TimeoutExpired, ValueError, IndexError, TypeError):
        return 0, 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()
        for pipe in (started.stdin, started.stdout):
            if pipe is not None:
                pipe.close()

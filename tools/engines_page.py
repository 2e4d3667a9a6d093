"""Write docs/engines.md: what other engines answer to the questions of `runbook conformance`, made by asking them.

Run by `make engines`, which installs what is not there: ministack from PyPI, dynalite from npm.
An engine that cannot be had or does not start is named with why, and the others are asked.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from runbook_lib.aws.outcome import FAILURES, code_of
from runbook_lib.conformance.account.asking import Asking, ask_subject, new_id
from runbook_lib.conformance.answer import in_words
from runbook_lib.conformance.shareable import AskingReport
from runbook_lib.conformance.suite import all_questions

ROOT = Path(__file__).resolve().parents[1]
PAGE, FOLDER = ROOT / "docs" / "engines.md", ROOT / ".venv-engines"
HEAD = """# What other engines answer

Written by `make engines`, which asks each of them the {count} questions of [`runbook conformance`](conformance.md).
Each engine has its own purpose, for which many of these differences do not matter; they matter if you
try a migration on it.

"""
READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Engine:
    """How an engine is started; PORT stands for the port it listens on."""

    name: str
    command: tuple[str, ...]
    settings: tuple[tuple[str, str], ...] = ()

    def missing(self) -> str:
        """What of it is not installed."""
        return ", ".join(word for word in self.command if word.startswith(str(FOLDER)) and not Path(word).exists())


ENGINES = (
    Engine(f"moto {version('moto')}", (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "PORT")),
    Engine(
        "ministack 1.5.33",
        (f"{FOLDER}/bin/ministack",),
        (("BIND_HOST", "127.0.0.1"), ("GATEWAY_PORT", "PORT"), ("LOG_LEVEL", "ERROR")),
    ),
    Engine(
        "dynalite 4.0.0", ("node", f"{FOLDER}/node_modules/dynalite/cli.js", "--host", "127.0.0.1", "--port", "PORT")
    ),
)


@contextmanager
def running(engine: Engine) -> Iterator[str]:
    """The endpoint of a started engine; OSError says why it could not be started."""
    if missing := engine.missing():
        raise OSError(f"not installed: {missing}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    settings = {name: value.replace("PORT", port) for name, value in engine.settings}
    command = [word.replace("PORT", port) for word in engine.command]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log)
        try:
            _wait_for(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(endpoint: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise OSError(f"it ended at once with code {process.returncode}")
        try:
            urllib.request.urlopen(endpoint, timeout=2).close()
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise OSError(f"it did not answer within {READY_SECONDS:.0f} seconds")


def asked(engine: Engine) -> AskingReport:
    with running(engine) as endpoint:
        asking = Asking("us-east-1", "us-east-2", endpoint=endpoint, engine=True, name=engine.name, minutes=20)
        return ask_subject(asking, asking.clients(new_id()), lambda line: None)


def page(reports: list[AskingReport], without: dict[str, str]) -> str:
    lines = [
        HEAD.format(count=len(all_questions())).rstrip(),
        "",
        "| engine | as expected | deviates | cannot be asked |",
    ]
    lines.append("|---|--:|--:|--:|")
    for report in reports:
        counts = report.counts()
        kinds = ("as expected", "deviates", "cannot be asked here")
        lines.append(f"| {report.engine} | " + " | ".join(str(counts[kind]) for kind in kinds) + " |")
    lines += [f"| {name} | not asked: {cell(why)} | | |" for name, why in without.items()]
    for report in reports:
        lines += ["", f"## {report.engine}", "", "| question | expected | found |", "|---|---|---|"]
        for row in report.to_json()["answers"]:
            if row["outcome"] == "deviates":
                found = row["found"] if row.get("found") is not None else row["detail"].partition(": ")[0]
                expected = in_words(next(one for one in all_questions() if one.id == row["id"]).expected)
                lines.append(f"| `{row['id']}` {cell(row['asks'])} | {cell(expected)} | {cell(found)} |")
        lacks = sorted(
            {row["topic"] for row in report.to_json()["answers"] if row["outcome"] == "cannot be asked here"}
        )
        lines += ["", f"It cannot be asked all of: {', '.join(lacks)}."]
    return "\n".join(lines) + "\n"


def cell(text: object) -> str:
    flat = " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")
    return flat if len(flat) <= 160 else flat[:157] + "..."


def make_page() -> int:
    reports, without = [], {}
    for engine in ENGINES:
        try:
            reports.append(asked(engine))
        except OSError as error:
            without[engine.name] = str(error)
        except FAILURES as error:
            without[engine.name] = f"it ended while it was asked ({code_of(error)})"
        print(f"{engine.name}: {without.get(engine.name) or reports[-1].counts()}", flush=True)
    PAGE.write_text(page(reports, without), encoding="utf-8")
    return 0 if reports else 1


if __name__ == "__main__":
    sys.exit(make_page())

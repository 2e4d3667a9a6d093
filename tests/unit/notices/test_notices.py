"""Notices: counts and ids, never keys or contents; a service that hangs, fails or shows its URL changes nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from runbook_lib.config.sections.notify import Notify
from runbook_lib.notices import send as sending
from runbook_lib.notices.message import notice_of, occasion_of
from runbook_lib.notices.send import tell
from runbook_lib.record.run_json import RunRecord
from tests.support import records
from tests.support.webhook import webhook

SECRET = "the-secret-of-the-url"


@pytest.fixture
def service() -> Iterator[Any]:
    with webhook() as made:
        yield made


def url(service: Any, path: str = "told") -> str:
    return f"json://user:{SECRET}@127.0.0.1:{service.server_address[1]}/{path}"


def told(record: RunRecord, urls: str, **settings: Any) -> list[str]:
    said: list[str] = []
    environment = {"URLS": urls, "PYTHONPATH": ":".join(filter(None, sys.path))}
    tell(Notify(urls_env="URLS", **settings), record, said.append, environment)
    return said


def failed() -> RunRecord:
    """A record with everything that a notice may not show."""
    made = records.record(
        verdict="FAIL", name="orders", tables=[records.table("t", 9) | {"missing": 3, "verdict": "FAIL"}],
        reasons=["key-hash 0123456789abcdef is missing in customers"],
        grounds=[{"id": "items-differ", "subject": "customers", "text": "0123456789abcdef differs"}],
    )  # fmt: skip
    return RunRecord.model_validate(made)


def ready(gates: list[tuple[str, str]]) -> RunRecord:
    rows = [{"gate": gate, "state": state} for gate, state in gates]
    forecast = {"made": "2026-01-14T10:20:00.000Z", "limit": 1800.0, "seconds": 122.0}
    return RunRecord.model_validate(records.record(cut_over={"gates": rows, "forecast": forecast}))


def test_a_notice_holds_counts_ids_and_a_link_and_nothing_else() -> None:
    notice = notice_of(failed(), Notify(urls_env="URLS", link="https://ci.example/reports/"))
    assert notice.title.startswith("FAIL: migration orders, run ")
    assert "Not as exported: 3 missing, 0 different, 0 extra." in notice.body
    assert "Why: items-differ (1)." in notice.body
    assert notice.body.endswith("/report.html")
    assert "https://ci.example/reports/" in notice.body
    for hidden in ("0123456789abcdef", "customers"):
        assert hidden not in notice.title + notice.body


@pytest.mark.parametrize(
    ("record", "occasion"),
    [
        (RunRecord.model_validate(records.record(verdict="PASS")), "pass"),
        (failed(), "fail"),
        (RunRecord.model_validate(records.record(verdict="DRY-RUN")), None),
        (RunRecord.model_validate(records.record(verdict="INTERRUPTED")), None),
        (ready([("ready", "passed")]), "ready_for_cut_over"),
        (ready([("ready", "failed")]), "pass"),
        (ready([("ready", "passed"), ("freeze", "begun")]), "pass"),
    ],
)
def test_only_what_somebody_may_want_to_hear_is_an_occasion(record: RunRecord, occasion: str | None) -> None:
    assert occasion_of(record) == occasion


def test_a_ready_notice_has_the_forecast() -> None:
    notice = notice_of(ready([("ready", "passed")]), Notify(urls_env="URLS"))
    assert notice.title.startswith("READY FOR CUT-OVER: ")
    assert "have to stop for 2 min 02 s of 30 min 00 s allowed" in notice.body


def test_it_is_sent_to_each_url_and_what_fails_is_counted_and_not_shown(
    service: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    urls = f"{url(service)}\n{url(service, 'fails')} nonsense://{SECRET}"
    said = told(failed(), urls)
    assert said == ["notice: sent to 1 of 3"]
    assert {row["title"].partition(":")[0] for row in service.seen} == {"FAIL"}
    out, err = capfd.readouterr()
    assert SECRET not in out + err + "".join(said)


def test_a_service_that_hangs_is_given_up_within_the_limit(service: Any) -> None:
    began = time.monotonic()
    assert told(failed(), url(service, "hangs"), timeout=4.0) == [
        "notice: not sent: no answer within notify.timeout (4 s)"
    ]
    assert time.monotonic() - began < 15


def test_what_is_not_asked_for_starts_nothing(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "send", lambda *_: pytest.fail("somebody was told"))
    assert told(failed(), url(service), on=["pass"]) == []
    said: list[str] = []
    tell(None, failed(), said.append, {})
    assert said == []


def test_without_urls_or_the_extra_it_says_so_and_goes_on(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(failed(), " ") == ["notice: not sent: the environment variable URLS is not set"]
    monkeypatch.setattr(sending, "is_installed", lambda extra: False)
    [said] = told(failed(), url(service))
    assert "the extra `notify`" in said


def test_the_process_that_sends_has_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nenv > {seen}\necho '[1, 1]'\n")
    program.chmod(0o755)
    monkeypatch.setattr(sending.sys, "executable", str(program))
    said: list[str] = []
    given = {"URLS": "json://x", "AWS_SECRET_ACCESS_KEY": "secret", "PATH": "/usr/bin:/bin"}
    tell(Notify(urls_env="URLS"), failed(), said.append, given)
    assert said == ["notice: sent to 1 of 1"]
    assert "AWS_SECRET_ACCESS_KEY" not in seen.read_text()
    assert "URLS=json://x" in seen.read_text()


@pytest.mark.parametrize(
    "wrong",
    [
        {"urls_env": ""}, {"urls_env": "json://secret@host"}, {"urls_env": "URLS", "on": []}, {},
        {"urls_env": "URLS", "on": ["always"]}, {"urls_env": "URLS", "link": "https://user:pw@host/"},
    ],
)  # fmt: skip
def test_a_file_cannot_hold_a_url_with_its_secret(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Notify.model_validate(wrong)

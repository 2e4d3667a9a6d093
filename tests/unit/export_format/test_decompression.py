"""Small things that are huge when they are taken apart, and names and numbers that no honest server says."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runbook_lib.config.model import load_config
from runbook_lib.config.reading.yaml_lines import parse
from runbook_lib.errors import ConfigError, LedgerError
from runbook_lib.report.publish import publish
from runbook_lib.report.text import quarantine_file
from runbook_lib.run.ledger import Ledger
from tests.support.facts import plan_pair
from tests.support.sealed_run import is_sealed, publish_passed_run

LEVELS = [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
MERGES = [f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)]


@contextmanager
def little_memory() -> Iterator[None]:
    """At most a gigabyte more: without a limit of the product's own this ends here and not with the machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    statm = Path("/proc/self/statm")
    if not statm.exists():
        yield
        return
    now = int(statm.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (1 << 30), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(["a0: &a0 [x,x,x,x,x,x,x,x,x]", *LEVELS]),
        "\n".join(["a0: &a0 {b: c}", *MERGES]),
        "a: &a [*a]",
        "a: &a {b: *a}",
        "a: &a {? *a : b}",
        "a: " + "[" * 100_000,
        "a: [" + "1," * 300_000 + "]",
        "a: " + "9" * 100_000,
    ],
    ids=["aliases", "merges", "endless list", "endless mapping", "endless key", "deep", "long", "digits"],
)
@pytest.mark.few(3)
def test_a_bomb_in_a_migration_file_is_a_clear_message_at_once(text: str, tmp_path: Path) -> None:
    file = tmp_path / "migration.yaml"
    file.write_text(text)
    began = time.process_time()
    with little_memory(), pytest.raises(ConfigError):
        load_config(file)
    assert time.process_time() - began < 60


def test_aliases_of_a_sensible_size_are_understood(tmp_path: Path) -> None:
    data, _ = parse(tmp_path, "a: &a {region: us-east-1}\nb: *a\nc: {<<: *a, x: 1}\n")
    assert data == {"a": {"region": "us-east-1"}, "b": {"region": "us-east-1"}, "c": {"region": "us-east-1", "x": 1}}


@pytest.mark.parametrize("name", ["/dev/zero"])
def test_a_file_without_an_end_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="at most"):
        load_config(name)


ODD = (
    "../../victim",
    "..",
    "/etc/passwd",
    "a/../../b",
    ".hidden",
    "a\x00b",
    "a\nb",
    "\ud800",
    "x" * 5000,
    "\u202e",
    "CON:",
    "",
)


@pytest.mark.parametrize("name", ODD)
@pytest.mark.few(1)
def test_the_name_of_a_table_leads_nowhere_else(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "r"
    victim = tmp_path / "victim.jsonl"
    victim.write_text("x")
    publish_passed_run(folder)
    ledger = Ledger(folder / "ledger.sqlite")
    plan_pair(ledger, name, 1)
    ledger.write("INSERT INTO quarantine VALUES (?, ?, ?, ?, ?)", [(name, "k", 1, "h", f"refused {name}")])
    publish(folder, ledger, "r", "test")
    ledger.close()
    assert victim.read_text() == "x"
    assert is_sealed(folder)
    as_recorded = name.encode("utf-8", "backslashreplace").decode()  # what UTF-8 cannot hold is spelled
    assert {p.name for p in (folder / "quarantine").iterdir()} == {quarantine_file(as_recorded)}
    assert {p.name for p in tmp_path.iterdir()} == {"reports", "victim.jsonl"}
    assert [quarantine_file(n) for n in ("orders", "a.b-C_1")] == ["orders.jsonl", "a.b-C_1.jsonl"]


def test_names_that_are_not_plain_have_files_of_their_own() -> None:
    names = [*ODD, "_/_/victim", ".._.._victim", "a/b", "a_b", "a b"]
    assert len({quarantine_file(name) for name in names}) == len(names)


def test_numbers_and_texts_that_the_ledger_cannot_hold_are_an_error_of_the_ledger(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    with pytest.raises(LedgerError):
        ledger.write("INSERT INTO file (source, key, ordinal, md5, items) VALUES ('s', 'k', 0, 'm', ?)", [(10**30,)])
    ledger.put("t", "n", {"text": "a\ud800", "number": 10**30})
    assert ledger.get("t", "n") == {"text": "a\ud800", "number": 10**30}
    ledger.close()

"""The engine by itself, against a target in memory: what it does when it is interrupted or something breaks."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.transport.retry import Backoff, TransportError
from runbook_lib.config.sections.importing import ImportSettings
from runbook_lib.errors import LedgerError, TransferError
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.load.engine.batch_write import Outcome, Rejection, Target
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.engine.rate_control import WriteRateController
from runbook_lib.load.engine.scheduler import lanes_for
from runbook_lib.load.table_load import TableLoad, TableProgress, files_of, load
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import Run
from tests.support.examples import examples
from tests.support.threads_sender import ThreadsSender

Answer = Callable[[list[str]], bytes]
DONE = b'{"UnprocessedItems":{}}'


class Bucket:
    """An S3 client over files in memory; knows which bodies are still open."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()

    def add(self, key: str, ids: list[str]) -> DataFile:
        body = gzip.compress(b"".join(b'{"Item":{"id":{"S":"%s"}}}\n' % i.encode() for i in ids))
        self.objects[key] = body
        md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        return DataFile(len(self.objects), key, md5, len(ids))

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        self.asked[Key] += 1
        body = self.objects[Key]
        return {"ContentLength": len(body), "ETag": '"x"', "Body": io.BytesIO(body)}


class Engine:
    """A run's ledger, some files, and a target whose answers the test gives."""

    def __init__(self, folder: Path, sizes: list[int]) -> None:
        self.bucket, self.ledger = Bucket(), Ledger(folder / "ledger.sqlite")
        files = [self.bucket.add(f"f{n}", [f"{n}-{i}" for i in range(size)]) for n, size in enumerate(sizes)]
        rows = [("t", f.key, f.ordinal, f.md5, f.items) for f in files]
        self.ledger.write("INSERT INTO file (source, key, ordinal, md5, items) VALUES (?, ?, ?, ?, ?)", rows)
        self.items, self.seen, self.lock = sum(sizes), Counter[str](), threading.Lock()

    def start(self, answer: Answer = lambda ids: DONE, watch: Any = lambda now: None, writers: int = 8) -> TableLoad:
        """One start of the import; what it knows it has from the ledger."""

        def puts(table: str, lines: list[bytes]) -> list[str]:
            assert table == "dst"
            return [json.loads(line)["Item"]["id"]["S"] for line in lines]

        def send(ids: list[str]) -> bytes:
            said = answer(ids)
            with self.lock:
                self.seen.update(ids)
            return said

        config: Any = SimpleNamespace(import_=ImportSettings(concurrency=writers))
        clients: Any = SimpleNamespace(staging=self.bucket, calls=Calls())
        run = Run("r", Path(), config, clients, self.ledger, True)
        stop = threading.Event()
        files = files_of(run, "t")
        table_load = TableLoad(run, "b", files, TableProgress("t", "dst", self.items), watch)
        transport: Any = SimpleNamespace(puts=puts, send=send)
        senders: list[ThreadsSender] = []

        def sender(transport: Any) -> ThreadsSender:
            senders.append(ThreadsSender(transport.send, writers))
            return senders[-1]

        backoff = Backoff(cap=0.3, sleep=lambda seconds: stop.wait(seconds) and None)
        capacity = WriteRateController(lanes_for(len(files), 1e6), writers, 1e6)
        key = (KeyAttribute("id", "S", "HASH"),)
        load(table_load, Target(transport, "dst", key, True, backoff, stop, capacity, RunSecret.new(), sender=sender))
        return table_load

    def written(self) -> int:
        return int(self.ledger.rows("SELECT SUM(written) AS n FROM file")[0]["n"])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Callable[[list[int]], Engine]]:
    made: list[Engine] = []

    def make(sizes: list[int]) -> Engine:
        made.append(Engine(tmp_path, sizes))
        return made[-1]

    yield make
    for one in made:
        one.ledger.close()
    assert [t.name for t in threading.enumerate() if t.name.startswith("import")] == []


def rejecting(bad: str) -> Answer:
    def answer(ids: list[str]) -> bytes:
        if bad in ids:
            raise TransportError("BatchWriteItem", 400, "ValidationException", "no", [])
        return DONE

    return answer


def test_every_line_is_sent_once_however_files_and_lanes_meet(engine: Callable[[list[int]], Engine]) -> None:
    sizes = [random.Random(5).choice([0, 1, 24, 25, 26, 130]) for _ in range(70)]
    one = engine(sizes)
    table_load = one.start()
    assert len(one.seen) == one.items == table_load.progress.done
    assert set(one.seen.values()) == {1}
    assert set(one.bucket.asked.values()) == {1}


def test_one_slow_request_does_not_make_the_next_start_send_again_what_came_after_it(
    engine: Callable[[list[int]], Engine],
) -> None:
    one = engine([3000])

    def answer(ids: list[str]) -> bytes:
        if "0-30" in ids:
            while len(one.seen) < 2900:
                time.sleep(0.01)
            time.sleep(0.7)  # the ledger is told twice a second
            raise TransportError("BatchWriteItem", 400, "AccessDeniedException", "no more", [])
        return DONE

    with pytest.raises(TransferError, match="no more"):
        one.start(answer)
    row = one.ledger.rows("SELECT * FROM file")[0]
    assert row["acknowledged"] == 25
    assert row["written"] == len(one.seen) == 2975
    one.start()
    assert set(one.seen.values()) == {1}
    assert one.written() == 3000


def test_an_interrupt_leaves_no_thread_and_the_next_start_goes_on(engine: Callable[[list[int]], Engine]) -> None:
    one = engine([500] * 20)

    def interrupt(now: TableProgress) -> None:
        raise KeyboardInterrupt

    def slowly(ids: list[str]) -> bytes:
        time.sleep(0.02)
        return DONE

    with pytest.raises(KeyboardInterrupt):
        one.start(slowly, interrupt)
    assert 0 < one.written() < 10_000
    one.start()
    assert one.written() == 10_000
    assert set(one.seen.values()) == {1}  # whoever stops in order loses nothing that was acknowledged


def test_an_item_that_is_left_unprocessed_twice_is_sent_again_once(engine: Callable[[list[int]], Engine]) -> None:
    one, told = engine([25]), list[str]()

    def twice(ids: list[str]) -> bytes:
        if len(set(ids)) < len(ids):
            raise TransportError("BatchWriteItem", 400, "ValidationException", "duplicates", [])
        if told:
            return DONE
        told.append(ids[3])
        return json.dumps({"UnprocessedItems": {"dst": [{"PutRequest": {"Item": {"id": {"S": ids[3]}}}}] * 2}}).encode()

    one.start(twice)
    assert one.written() == 25
    assert one.ledger.rows("SELECT * FROM quarantine") == []


def test_while_the_server_fails_little_is_held_in_memory(
    engine: Callable[[list[int]], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runbook_lib.load.engine.scheduler.AGAIN", 50_000)
    one, tried, healthy = engine([2000] * 5), set[str](), threading.Event()

    def failing(ids: list[str]) -> bytes:
        if healthy.is_set():
            return DONE
        tried.update(ids)
        raise TransportError("BatchWriteItem", 500, "InternalServerError", "an outage", [])

    ends = threading.Timer(1.0, healthy.set)
    ends.start()
    one.start(failing)
    ends.join()
    assert set(one.seen.values()) == {1}
    assert one.written() == one.items
    assert len(tried) < 2_500


def test_a_ledger_that_fails_for_a_moment_loses_no_rejected_line(
    engine: Callable[[list[int]], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = engine([2000])
    real, failed = one.ledger.write, threading.Event()

    def write(statement: str, values: Any) -> None:
        rows = list(values)
        if "INTO quarantine" in statement and rows and not failed.is_set():
            failed.set()
            raise LedgerError("disk full")
        real(statement, rows)

    monkeypatch.setattr(one.ledger, "write", write)

    def slowly(ids: list[str]) -> bytes:
        time.sleep(0.03)
        return rejecting("0-3")(ids)

    with pytest.raises(LedgerError):
        one.start(slowly)
    assert failed.is_set()
    one.start(rejecting("0-3"))
    assert one.written() == 1999
    assert [row["line"] for row in one.ledger.rows("SELECT line FROM quarantine")] == [4]


def test_a_download_that_breaks_for_good_ends_the_import(engine: Callable[[list[int]], Engine]) -> None:
    one = engine([100] * 30)
    one.bucket.objects["f17"] += b"more"

    def denied(**asked: str) -> Any:
        if asked["Key"] == "f17":
            raise TransferError("f17 cannot be read")
        return Bucket.get_object(one.bucket, **asked)

    one.bucket.get_object = denied  # type: ignore[method-assign]
    with pytest.raises(TransferError, match="f17 cannot be read"):
        one.start()


def test_a_line_that_no_request_can_carry_does_not_fill_the_memory(engine: Callable[[list[int]], Engine]) -> None:
    one = engine([3, 3])
    endless = one.bucket.add("endless", ["x" * (17 << 20)])
    rows = [("t", endless.key, endless.ordinal, endless.md5, 1)]
    one.ledger.write("INSERT INTO file (source, key, ordinal, md5, items) VALUES (?, ?, ?, ?, ?)", rows)
    assert ["endless: line 1 should end within 16 MB" in said for said in one.start().failures] == [True]
    assert one.written() == 6


@settings(max_examples=examples(24), deadline=None)
@given(st.data())
def test_what_is_known_of_a_file_is_what_was_acknowledged(data: st.DataObject) -> None:
    """Killed and started again at will, with answers in any order, each line is acknowledged exactly once."""
    items = data.draw(st.integers(1, 120))
    lines = [(number, b"x") for number in range(1, items + 1)]
    known: tuple[int, int, tuple[tuple[int, int], ...]] = (0, 0, ())
    acknowledged: list[int] = []
    rejected: set[int] = set()
    for life in range(4):
        file = FileCheckpoint(DataFile(0, "f", "", items), known[0], known[1], 0, known[2])
        todo = list(file.left(line for line in lines if line[0] > file.watermark))
        assert sorted([*acknowledged, *(n for n, _ in todo)]) == list(range(1, items + 1))
        size = data.draw(st.integers(1, 9))
        batches = [todo[at : at + size] for at in range(0, len(todo), size)]
        sent = batches if life == 3 else batches[: data.draw(st.integers(0, len(batches)))]
        slots = [(file.send(batch), batch) for batch in sent]
        back = data.draw(st.permutations(slots))
        for slot, batch in back if life == 3 else back[: data.draw(st.integers(0, len(back)))]:
            bad = [Rejection(batch[0][0], None, "bad")] if data.draw(st.booleans()) else []
            file.settle(slot, Outcome(written=len(batch) - len(bad), rejected=bad))
            acknowledged += [n for n, _ in batch]
        rejected |= {r.line for r in file.rejected}
        known = file.watermark, file.written, tuple(file.beyond())
        assert file.written + len(rejected) == len(acknowledged)
    assert sorted(acknowledged) == list(range(1, items + 1))

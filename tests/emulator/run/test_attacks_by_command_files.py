"""Data files in every shape, by the command and over HTTP alone: what is whole is loaded, and nothing else is.

Each table has a shape of its own, and its manifests agree with it: nothing but the look into the file can tell.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

from tests.support.damaged_exports import DamagedExports
from tests.support.in_process import runbook_here
from tests.support.liar import between
from tests.support.world import World, things

OfLines = Callable[[list[bytes]], bytes]
LINES, ALL = 12, 150


def packed(*parts: bytes) -> bytes:
    """Gzip of so many members."""
    return b"".join(map(gzip.compress, parts))


def with_a_file_name(lines: list[bytes]) -> bytes:
    body = io.BytesIO()
    with gzip.GzipFile("things.json", "wb", fileobj=body) as file:
        file.write(b"".join(lines))
    return body.getvalue()


def with_other_spellings(lines: list[bytes]) -> bytes:
    """What is the same to a reader of JSON: spaces between its signs, and a letter by its number."""
    spaced = [json.dumps(json.loads(line), separators=(" , ", " : ")).encode() + b"\n" for line in lines[::2]]
    return packed(*spaced, *(line.replace(b'"id"', rb'"\u0069d"') for line in lines[1::2]))


def with_blanks(lines: list[bytes]) -> bytes:
    padded = b"\n\n".join(b" \t" + line.strip() + b"  " for line in lines)
    return packed(b"\n\r\n \t\n" + padded + b"\n\n\x0b\x0c\n")


WHOLE: dict[str, OfLines] = {
    "two-members": lambda lines: packed(lines[0], b"".join(lines[1:])),
    "many-members": lambda lines: packed(b"", *lines, b""),
    "line-over-two-members": lambda lines: packed(b"".join(lines)[:10], b"".join(lines)[10:]),
    "zeros-behind-it": lambda lines: packed(b"".join(lines)) + b"\0" * 100,
    "stored": lambda lines: gzip.compress(b"".join(lines), 0),
    "file-name": with_a_file_name,
    "crlf": lambda lines: packed(b"".join(lines).replace(b"\n", b"\r\n")),
    "no-last-break": lambda lines: packed(b"".join(lines).rstrip(b"\n")),
    "blanks": with_blanks,
    "spellings": with_other_spellings,
}
# Of tables without items.
NOTHING: dict[str, OfLines] = {
    "no-bytes": lambda _: b"",
    "no-line": lambda _: packed(b""),
    "only-breaks": lambda _: packed(b"\n\n\r\n"),
}
CHANGED = b'{"Keys":{"id":{"S":"a"}},"OldImage":{"id":{"S":"a"}}}\n'
REFUSED: dict[str, tuple[OfLines, str]] = {
    "members-head": (lambda lines: packed(b"".join(lines)) + packed(lines[0])[:10], "is not whole gzip"),
    "no-gzip": (lambda lines: b"".join(lines), "is not whole gzip"),
    "raw-deflate": (lambda lines: zlib.compress(b"".join(lines)), "is not whole gzip"),
    "checksum": (lambda lines: packed(b"".join(lines))[:-8] + b"\0" * 4 + packed(b"".join(lines))[-4:],
                 "is not whole gzip"),
    "length": (lambda lines: packed(b"".join(lines))[:-4] + b"\0" * 4, "is not whole gzip"),
    "no-bytes": (lambda _: b"", r"holds 0 items, the manifest says \d+"),
    "one-more": (lambda lines: packed(*lines, lines[0]), "holds more items than the"),
    "one-fewer": (lambda lines: packed(*lines[1:]), r"holds \d+ items, the manifest says"),
    "cr-only": (lambda lines: packed(b"".join(lines).replace(b"\n", b"\r")), "holds 1 items, the manifest says"),
    "breaks": (lambda lines: packed(b"\n" * 5_000, *lines), "more than 1,000 blank lines more than items"),
    "change": (lambda lines: packed(CHANGED, *lines[1:]), "is a change of an item"),
}  # fmt: skip
ITEM = b'{"Item":{"id":{"S":"'
# Each line with what is said of it.
ODD: tuple[tuple[bytes, str], ...] = (
    (b"\xef\xbb\xbf" + ITEM + b'a"}}}', "byte order mark"),
    (b"\0\0", "unexpected character"),
    (ITEM + b'a\0b"}}}', "unexpected control character"),
    (ITEM + b'a"}},"x":{"y":{}}', "unexpected end of data"),
    (ITEM + b'a"}},"x":{"y":{}}}', 'expected {"Item":{...}}'),
    (ITEM + b'a"}}}' + ITEM + b'b"}}}', "unexpected content after document"),
    (ITEM + b'a"', "unexpected end of data"),
    (b"null", 'expected {"Item":{...}}'),
    (b"[" + ITEM + b'a"}}}]', 'expected {"Item":{...}}'),
    (b"[" * 50_000, "depth limit exceeded"),
    (ITEM + b'\xff"}}}', "not valid UTF-8"),
    (ITEM + rb'\ud800"}}}', "surrogate"),
    (b'{"Item":{"x":{"S":"a"}}}', "key attribute 'id' should be of type S and is missing"),
    (ITEM + b'"}}}', "empty"),
    (ITEM + b"a" * 2049 + b'"}}}', "2048"),
)


def of_lines(make: OfLines) -> Callable[[bytes], bytes]:
    return lambda body: make(gzip.decompress(body).splitlines(True))


def run_damaged(world: World, makes: dict[str, OfLines]) -> CompletedProcess[str]:
    with between(world.endpoint) as liar:
        config = world.config(staging={"endpoint_url": liar.endpoint})
        damaged = DamagedExports(world, {name: of_lines(make) for name, make in makes.items()})
        liar.after = damaged.told
        done = runbook_here("run", config, "--run-id", "r", "--execute")
    assert damaged.given == makes.keys()
    return done


@pytest.mark.whole
def test_a_whole_file_is_loaded_in_whatever_shape_it_comes(world: World) -> None:
    for name in WHOLE | NOTHING:
        world.pair(name, things(LINES) if name in WHOLE else [])
    done = run_damaged(world, WHOLE | NOTHING)
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.record("r")["verdict"] == "PASS"
    assert len(world.record("r")["tables"]) == len(WHOLE | NOTHING)
    for name in WHOLE | NOTHING:
        held = sorted(world.items(world.target, world.dst(name)), key=lambda item: str(item["id"]["S"]))
        assert held == (things(LINES) if name in WHOLE else []), name


@pytest.mark.whole
def test_a_file_that_is_not_whole_fails_its_table_by_a_reason_of_its_own(world: World) -> None:
    for name in REFUSED:
        world.pair(name, things(LINES))
    done = run_damaged(world, {name: make for name, (make, _) in REFUSED.items()})
    assert done.returncode == 1, done.stdout + done.stderr
    tables = {table["source"].removeprefix(world.src("")): table for table in world.record("r")["tables"]}
    assert tables.keys() == REFUSED.keys()
    for name, (_, says) in REFUSED.items():
        assert tables[name]["verdict"] == "FAIL", name
        [why] = tables[name]["reasons"]
        assert re.search(says, why), (name, why)
        left = tables[name]["items_exported"] - tables[name]["items_written"]
        assert left == tables[name]["items_exported"] // 2, name  # of two files, the other is loaded


@pytest.mark.whole
def test_a_line_that_is_no_item_is_quarantined_by_a_reason_of_its_own_and_the_others_are_written(world: World) -> None:
    lines = [line for line, _ in ODD]
    world.pair("a", things(ALL))

    def odd(whole: list[bytes]) -> bytes:
        return packed(*(line + b"\n" for line in lines), *whole[len(lines) :])

    done = run_damaged(world, {"a": odd})
    assert done.returncode == 1, done.stdout + done.stderr
    [table] = world.record("r")["tables"]
    counts = [table[name] for name in ("items_exported", "items_written", "items_quarantined", "items_in_target")]

    assert counts == [ALL, ALL - len(ODD), len(ODD), ALL - len(ODD)]
    file = world.folder / "reports" / "r" / "quarantine" / f"{world.src('a')}.jsonl"
    said = {row["line"]: row["reason"] for row in map(json.loads, file.read_text().splitlines())}
    assert said.keys() == set(range(1, len(ODD) + 1))
    for number, (_, says) in enumerate(ODD, 1):
        assert says in said[number], (number, said[number])

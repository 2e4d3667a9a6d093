"""What a bulk put says of the items that it did not write, in the objects that it leaves in the bucket.

AWS does not document how these are laid out, and no such object was seen. So they are read for what does not depend on
it: what is no manifest is one JSON record a line, plain or in GZIP; a record is about a condition where its object or
one of its codes says so. What cannot be read in this way leaves the count of conditions unknown, and nothing unknown is
ever a PASS. The records hold items: only codes and counts are kept.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import orjson

from runbook_lib.aws.s3.objects import stream_object

GZIP_MAGIC, IN_MEMORY = b"\x1f\x8b", 8 << 20
NO_RECORDS = re.compile(r"manifest|summary|\.md5$|_started$|_success$", re.IGNORECASE)  # in an object's own name
CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{2,80}")
CODE_MEMBER = re.compile(r"(code|reason|type)$", re.IGNORECASE)
CONDITION, MOST_CODES = "condition", 20


class UnknownOutput(Exception):
    """An object that is not in a form that can be read here."""


@dataclass(frozen=True, slots=True)
class BulkOutput:
    """The records of an output: how many are about conditions, None where that is not known, and of each code."""

    conditions: int | None
    codes: Counter[str]


def read_output(s3: Any, bucket: str, prefix: str, keys: list[str]) -> BulkOutput:
    """Count the records of the objects under an output's prefix."""
    conditions, codes = 0, Counter[str]()
    for key in keys:
        name = key.removeprefix(prefix)
        if NO_RECORDS.search(name.rpartition("/")[2]):
            continue
        try:
            for record in _records(s3, bucket, key):
                code = _code_of(record)
                is_condition = CONDITION in name.casefold() or CONDITION in code.casefold()
                conditions += is_condition
                codes[code or (CONDITION if is_condition else "no code")] += 1
        except UnknownOutput:
            return BulkOutput(None, _most(codes))
    return BulkOutput(conditions, _most(codes))


def _most(codes: Counter[str]) -> Counter[str]:
    """The most frequent codes, and how many records have another."""
    known = Counter(dict(codes.most_common(MOST_CODES)))
    if rest := codes.total() - known.total():
        known["others"] += rest
    return known


def _records(s3: Any, bucket: str, key: str) -> Iterator[dict[str, object]]:
    with SpooledTemporaryFile(max_size=IN_MEMORY) as body:
        for block in stream_object(s3, bucket, key):
            body.write(block)
        body.seek(0)
        packed = body.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        body.seek(0)
        yield from _lines(gzip.GzipFile(fileobj=body, mode="rb") if packed else body)


def _lines(body: IO[bytes] | gzip.GzipFile) -> Iterator[dict[str, object]]:
    try:
        for line in body:
            if not line.strip():
                continue
            record = orjson.loads(line)
            if not isinstance(record, dict):
                raise UnknownOutput
            yield record
    except (orjson.JSONDecodeError, OSError, EOFError, zlib.error):
        raise UnknownOutput from None


def _code_of(record: dict[str, object]) -> str:
    """The first member that is a code by its name and its form; texts may hold values and are not looked at."""
    for name, value in record.items():
        if CODE_MEMBER.search(name) and isinstance(value, str) and CODE.fullmatch(value):
            return value
    return ""

"""docs/validation.md is exact: its test vectors are what the code computes, and what its words compute without it."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.items.canonical import canonical_json
from runbook_lib.items.item_digests import digests
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.validate.bucket_digest import BucketDigest, bucket_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "validation.md").read_text(encoding="utf-8")


def vectors() -> dict[str, Any]:
    found = re.search(r"```json\n(.*?)\n```", PAGE, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def schema(key: list[list[str]]) -> list[KeyAttribute]:
    return [KeyAttribute(name, kind, role) for (name, kind), role in zip(key, ("HASH", "RANGE"), strict=False)]


@pytest.mark.parametrize("vector", vectors()["items"], ids=lambda v: v["digest"][:6])
def test_the_code_computes_the_vectors_of_the_page(vector: dict[str, Any]) -> None:
    assert canonical_json(vector["item"]).decode() == vector["json"]
    key, digest = digests(vector["item"], schema(vector["key"]))
    assert (bucket_of(key), digest.hex()) == (vector["bucket"], vector["digest"])


@pytest.mark.parametrize("vector", vectors()["items"], ids=lambda v: v["digest"][:6])
def test_the_vectors_follow_from_the_page_without_the_code(vector: dict[str, Any]) -> None:
    canonical = json.loads(vector["json"])
    key = {name: canonical[name] for name, _ in vector["key"]}
    spelled = json.dumps(key, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    assert zlib.crc32(spelled) % 4096 == vector["bucket"]
    assert hashlib.blake2b(vector["json"].encode(), digest_size=16).hexdigest() == vector["digest"]


def test_the_table_digests_of_the_page_follow_from_its_words() -> None:
    page = vectors()
    counts, sums, told, computed = [0] * 4096, [0] * 4096, BucketDigest(RunSecret.new()), []
    for vector in [None, *page["items"][:2]]:
        if vector is not None:
            counts[vector["bucket"]] += 1
            sums[vector["bucket"]] = (sums[vector["bucket"]] + int(vector["digest"], 16)) % 2**128
            told.add_items([vector["item"]], schema(vector["key"]))
        whole = b"".join(c.to_bytes(8, "big") + s.to_bytes(16, "big") for c, s in zip(counts, sums, strict=True))
        computed.append(hashlib.blake2b(whole, digest_size=16).hexdigest())
        assert told.table_digest() == computed[-1]
    assert computed == page["tables"]

"""Exports that are changed between bucket and run: data files and manifests that lie and agree with each other."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.support.liar import Answer, Request
from tests.support.world import World

Change = Callable[[bytes], bytes]


@dataclass
class DamagedExports:
    """What to make of a table's largest data file, of its list of files and of its summary, by the names of a World.

    Each MD5 is that of what is handed out. `items` says of how many items the manifests and DescribeExport speak.
    `given` are the tables whose damaged file was asked for.
    """

    world: World
    files: dict[str, Change] = field(default_factory=dict)
    lists: dict[str, Change] = field(default_factory=dict)
    summaries: dict[str, Change] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    _made: dict[str, bytes] = field(default_factory=dict)
    _owner: dict[str, str] = field(default_factory=dict)

    def told(self, request: Request, code: int, body: bytes) -> Answer | None:
        """For `after` of a liar."""
        if request.operation == "DescribeExport" and code == 200:
            return code, self._described(json.loads(body))
        key = unquote(request.path.partition("?")[0].removeprefix(f"/{self.world.bucket}/"))
        folder = key.partition("/manifest-")[0].partition("/data/")[0]
        if request.method != "GET" or code != 200 or "AWSDynamoDB/" not in key or key == folder:
            return None
        if f"{folder}/manifest-summary.json" not in self._made:
            self._make(folder)
        if key in self._owner:
            self.given.add(self._owner[key])
        return (code, self._made[key]) if key in self._made else None

    def _described(self, said: dict[str, Any]) -> bytes:
        export = said["ExportDescription"]
        name = export["TableArn"].rpartition(self.world.src(""))[2]
        if "ItemCount" in export and name in self.items:
            export["ItemCount"] = self.items[name]
        return json.dumps(said).encode()

    def _make(self, folder: str) -> None:
        summary = json.loads(self._stored(f"{folder}/manifest-summary.json"))
        name = summary["tableArn"].removesuffix("/").rpartition(self.world.src(""))[2]
        entries = [json.loads(line) for line in self._stored(f"{folder}/manifest-files.json").splitlines()]
        largest = max(entries, key=lambda entry: int(entry["itemCount"]))
        if name in self.files:
            body = self.files[name](self._stored(largest["dataFileS3Key"]))
            self._made[largest["dataFileS3Key"]], self._owner[largest["dataFileS3Key"]] = body, name
            largest["md5Checksum"] = md5_of(body).decode()
        if name in self.items:
            largest["itemCount"] += self.items[name] - summary["itemCount"]
            summary["itemCount"] = self.items[name]
        listed = b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)
        for stem, content, changes in (
            ("manifest-files", listed, self.lists),
            ("manifest-summary", json.dumps(summary).encode(), self.summaries),
        ):
            self._made[f"{folder}/{stem}.json"] = said = changes.get(name, bytes)(content)
            self._made[f"{folder}/{stem}.md5"] = md5_of(said)

    def _stored(self, key: str) -> bytes:
        body: bytes = self.world.s3.get_object(Bucket=self.world.bucket, Key=key)["Body"].read()
        return body


def md5_of(body: bytes) -> bytes:
    """As S3 and manifests spell it."""
    return base64.b64encode(hashlib.md5(body).digest())

"""Write the S3 layout of DynamoDB's "Export to S3", byte for byte in AWS's own format.

Used for tables that AWS cannot export (point-in-time recovery off) and by the sandbox. It never lists or
reads a bucket: everything goes out through the `put` callable, and the summary is the very last object, so
that a reader who finds it finds everything it describes.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, cast

from isal import igzip

from runbook_lib.timestamps import format_timestamp

Put = Callable[[str, BinaryIO], None]

_SPOOL_LIMIT = 8 * 1024 * 1024  # a file larger than this goes to disk while it is compressed
_CHUNK = 256 * 1024  # the gzip object is called once per chunk, not once per item


@dataclass(frozen=True, slots=True)
class ExportedWindow:
    """The stretch of time whose changes an incremental export holds, and which images: NEW_IMAGE or both."""

    start: datetime
    end: datetime
    view: str


@dataclass(frozen=True, slots=True)
class ExportIdentity:
    """Say which table was exported when and where to; `prefix` may be empty.

    An incremental export has a `window`, and no time of its own.
    """

    export_arn: str
    table_arn: str
    table_id: str
    bucket: str
    prefix: str
    export_id: str
    export_time: datetime
    start_time: datetime
    sse_algorithm: str = "AES256"
    sse_kms_key_id: str | None = None
    window: ExportedWindow | None = None


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Describe one data file as `manifest-files.json` does; `item_bytes` counts the uncompressed items."""

    item_count: int
    md5_checksum: str
    etag: str
    key: str
    item_bytes: int

    def line(self) -> bytes:
        """Return the entry's line in the files manifest."""
        return _compact(
            {
                "itemCount": self.item_count,
                "md5Checksum": self.md5_checksum,
                "etag": self.etag,
                "dataFileS3Key": self.key,
            }
        )


@dataclass(frozen=True, slots=True)
class WrittenExport:
    """Sum up a finished export; `manifest_key` is what DescribeExport calls ExportManifest."""

    manifest_key: str
    files: tuple[FileEntry, ...]
    item_count: int
    billed_size_bytes: int


def export_folder(prefix: str, export_id: str) -> str:
    """Return the key prefix of one export, ending in "/" and never starting with one."""
    head = prefix.strip("/")
    return f"{head}/AWSDynamoDB/{export_id}/" if head else f"AWSDynamoDB/{export_id}/"


def shared_data_folder(prefix: str) -> str:
    """Return where all incremental exports under a prefix put their data files."""
    return export_folder(prefix, "data")


def new_export_id(now: datetime, random_hex: str) -> str:
    """Build an export id: the time as 14 digits of milliseconds, then 8 random hex digits."""
    digits = random_hex[:8].lower()
    if len(digits) != 8 or set(digits) - set("0123456789abcdef"):
        raise ValueError(f"an export id needs 8 hex digits, got {random_hex!r}")
    # From whole seconds and microseconds: a float of the timestamp can be a millisecond off.
    milliseconds = int(now.replace(microsecond=0).timestamp()) * 1000 + now.microsecond // 1000
    return f"{milliseconds:014d}-{digits}"


def data_file_name(seed: bytes) -> str:
    """Derive a data file name of AWS's form (26 characters of base32, then .json.gz) from any bytes."""
    digest = hashlib.md5(seed, usedforsecurity=False).digest()
    return base64.b32encode(digest).decode("ascii").rstrip("=").lower() + ".json.gz"


class ExportWriter:
    """Write one export: `start`, then `add_file` any number of times, then `finish`.

    `add_file` may be called from several threads when `put` may; the manifest lists files in the order they
    were finished. `fast` packs with less effort, for data that is read again at once.
    """

    def __init__(self, put: Put, identity: ExportIdentity, *, fast: bool = False) -> None:
        self._put = put
        self._fast = fast
        self._identity = identity
        self._folder = export_folder(identity.prefix, identity.export_id)
        self._data = shared_data_folder(identity.prefix) if identity.window else f"{self._folder}data/"
        self._files: list[FileEntry] = []

    def start(self) -> None:
        """Write the empty `_started` marker, as AWS does before the first data file."""
        self._put(self._folder + "_started", io.BytesIO())

    def add_file(self, items: Iterable[bytes], name: str) -> FileEntry:
        """Write raw DynamoDB-JSON objects as one gzip file of `{"Item":...}` lines; memory stays bounded.

        An item must not contain a line break outside of JSON strings; none is parsed here.
        """
        return self._add(items, name, b'{"Item":', b"}\n")

    def add_changes(self, changes: Iterable[bytes], name: str) -> FileEntry:
        """Write changes of an incremental export, whole lines each, as one gzip file."""
        return self._add(changes, name, b"", b"\n")

    def _add(self, items: Iterable[bytes], name: str, head: bytes, tail: bytes) -> FileEntry:
        counter = _Counter(items)
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_LIMIT) as spool:
            # mtime=0 and no file name: equal items give equal bytes, and AWS's own files have neither.
            with _packer(cast(BinaryIO, spool), fast=self._fast) as packed:
                for chunk in _chunks(counter, head, tail):
                    packed.write(chunk)
            spool.seek(0)
            digest = _md5_of(spool)
            spool.seek(0)
            key = self._data + name
            self._put(key, cast(BinaryIO, spool))  # a file in all but its type
        entry = FileEntry(counter.count, _base64(digest), _part_etag(digest), key, counter.size)
        self._files.append(entry)
        return entry

    def finish(
        self, end_time: datetime, billed_size_bytes: int | None = None, files: Iterable[FileEntry] | None = None
    ) -> WrittenExport:
        """Write both manifests and their MD5 sidecars; the billed size defaults to the items' JSON bytes.

        `files` stand for those that this writer wrote, where others before it wrote some.
        """
        files = tuple(self._files if files is None else files)
        items = sum(entry.item_count for entry in files)
        billed = sum(entry.item_bytes for entry in files) if billed_size_bytes is None else billed_size_bytes
        files_key = self._folder + "manifest-files.json"
        summary_key = self._folder + "manifest-summary.json"
        listing = b"".join(entry.line() + b"\n" for entry in files)
        summary = _compact(self._summary(end_time, files_key, billed, items))
        self._put(files_key, io.BytesIO(listing))
        self._put(self._folder + "manifest-files.md5", io.BytesIO(_sidecar(listing)))
        self._put(self._folder + "manifest-summary.md5", io.BytesIO(_sidecar(summary)))
        self._put(summary_key, io.BytesIO(summary))
        return WrittenExport(summary_key, files, items, billed)

    def _summary(self, end_time: datetime, files_key: str, billed: int, items: int) -> dict[str, object]:
        who, window = self._identity, self._identity.window
        times: dict[str, object] = {"exportTime": format_timestamp(who.export_time)}
        kind: dict[str, object] = {}
        if window is not None:
            times = {"exportFromTime": format_timestamp(window.start), "exportToTime": format_timestamp(window.end)}
            kind = {"outputView": window.view, "exportType": "INCREMENTAL_EXPORT"}
        return {
            "version": "2023-08-01" if window else "2020-06-30",
            "exportArn": who.export_arn,
            "startTime": format_timestamp(who.start_time),
            "endTime": format_timestamp(end_time),
            "tableArn": who.table_arn,
            "tableId": who.table_id,
            **times,
            "s3Bucket": who.bucket,
            "s3Prefix": who.prefix.strip("/") or None,
            "s3SseAlgorithm": who.sse_algorithm,
            "s3SseKmsKeyId": who.sse_kms_key_id,
            "manifestFilesS3Key": files_key,
            "billedSizeBytes": billed,
            "itemCount": items,
            "outputFormat": "DYNAMODB_JSON",
            **kind,
        }


def _packer(spool: BinaryIO, *, fast: bool) -> gzip.GzipFile:
    if fast:
        open_packer = cast("Callable[..., gzip.GzipFile]", igzip.IGzipFile)
        return open_packer(fileobj=spool, mode="wb", compresslevel=2, mtime=0, filename="")
    return gzip.GzipFile(fileobj=spool, mode="wb", compresslevel=6, mtime=0, filename="")


class _Counter:
    """Pass items through and remember how many there were and how large."""

    def __init__(self, items: Iterable[bytes]) -> None:
        self._items = items
        self.count = 0
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for item in self._items:
            self.count += 1
            self.size += len(item)
            yield item


def _chunks(items: Iterable[bytes], head: bytes, tail: bytes) -> Iterator[bytes]:
    pieces: list[bytes] = []
    size = 0
    for item in items:
        pieces.append(head + item + tail)
        size += len(item)
        if size >= _CHUNK:
            yield b"".join(pieces)
            pieces, size = [], 0
    yield b"".join(pieces)


def _compact(value: dict[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _md5_of(body: tempfile.SpooledTemporaryFile[bytes]) -> bytes:
    digest = hashlib.md5(usedforsecurity=False)
    while block := body.read(_CHUNK):
        digest.update(block)
    return digest.digest()


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")


def _part_etag(digest: bytes) -> str:
    """Return the ETag of a multipart upload of one part, which is how AWS's exporter uploads."""
    return hashlib.md5(digest, usedforsecurity=False).hexdigest() + "-1"


def _sidecar(content: bytes) -> bytes:
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest())

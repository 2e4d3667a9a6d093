"""What AWS says was exported: the two manifests of one export, checked, and the files they name.

Nothing is ever found by listing a prefix. An export that was copied elsewhere keeps the keys
it was written with inside its manifest; they are rebased onto the folder it was read from.
Format: "DynamoDB table export output format", AWS Developer Guide; the sidecars are documented
as `.checksum` and written as `.md5`, so both are taken.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runbook_lib.errors import ManifestError

SUMMARY, FILES = "manifest-summary.json", "manifest-files.json"
Read = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class DataFile:
    """One data file: `md5` is base64 of the MD5 of the stored (compressed) bytes."""

    ordinal: int
    key: str
    md5: str
    items: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A checked pair of manifests; `checked` says whether their MD5 sidecars were there to check."""

    export_arn: str
    table_arn: str
    table_id: str
    export_time: str
    folder: str
    items: int
    billed_bytes: int
    files: tuple[DataFile, ...]
    summary_md5: str
    files_md5: str
    checked: bool

    @property
    def table_name(self) -> str:
        return table_of(self.table_arn)


def table_of(arn: str) -> str:
    """The table's name in a table's or an export's ARN."""
    parts = arn.split(":table/", 1)
    if len(parts) != 2 or not parts[1]:
        raise ManifestError(f"expected the ARN of a table or an export, found {arn!r}")
    return parts[1].split("/", 1)[0]


def export_id_of(folder: str) -> str:
    """The export's id in a folder `.../AWSDynamoDB/<id>/`."""
    parts = folder.rstrip("/").split("/")
    if len(parts) < 2 or parts[-2] != "AWSDynamoDB":
        raise ManifestError(f"expected a folder .../AWSDynamoDB/<ExportId>/, found {folder!r}")
    return parts[-1]


def read_manifest(read: Read, folder: str, *, need_sidecars: bool) -> Manifest:
    """Read and check the manifests in `folder` (a key ending in a slash).

    `need_sidecars` is for exports this run made; an old one may have lost them on the way.
    Raises ManifestError for anything missing, damaged, contradictory or of another kind.
    """
    summary_bytes, summary_checked = _checked(read, folder + SUMMARY, need_sidecars)
    summary = _object(folder + SUMMARY, summary_bytes)
    _supported(folder, summary)
    files_bytes, files_checked = _checked(read, folder + FILES, need_sidecars)
    files = _files(folder, files_bytes)
    items = _count(folder + SUMMARY, summary, "itemCount")
    if sum(f.items for f in files) != items:
        raise ManifestError(
            f"{folder}: {SUMMARY} says {items} items, the files in {FILES} add up to "
            f"{sum(f.items for f in files)}; the export is damaged, export again"
        )
    export_arn, table_arn = (_text(folder + SUMMARY, summary, name) for name in ("exportArn", "tableArn"))
    table_of(table_arn)
    if not export_arn.startswith(table_arn + "/"):
        raise ManifestError(f"{folder}{SUMMARY}: exportArn {export_arn} is not of tableArn {table_arn}; export again")
    return Manifest(
        export_arn=export_arn,
        table_arn=table_arn,
        table_id=str(summary.get("tableId") or ""),
        export_time=str(summary.get("exportTime") or summary.get("startTime") or ""),
        folder=folder,
        items=items,
        billed_bytes=_billed(folder, summary),
        files=files,
        summary_md5=hashlib.md5(summary_bytes, usedforsecurity=False).hexdigest(),
        files_md5=hashlib.md5(files_bytes, usedforsecurity=False).hexdigest(),
        checked=summary_checked and files_checked,
    )


def _checked(read: Read, key: str, need_sidecar: bool) -> tuple[bytes, bool]:
    """A manifest's bytes, and whether there was a sidecar that they were checked against."""
    content = read(key)
    if content is None:
        raise ManifestError(f"{key} is missing: the export is not complete, or this is not its folder")
    stem = key.removesuffix(".json")
    for sidecar in (f"{stem}.md5", f"{stem}.checksum"):
        expected = read(sidecar)
        if expected is None:
            continue
        actual = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest())
        if expected.strip() != actual:
            raise ManifestError(
                f"{key} has MD5 {actual.decode()}, its sidecar says {expected.strip()[:40].decode(errors='replace')}; "
                "one of them was changed after the export, export again"
            )
        return content, True
    if need_sidecar:
        raise ManifestError(f"{stem}.md5 is missing: the manifest cannot be checked, export again")
    return content, False


def _object(key: str, content: bytes) -> dict[str, Any]:
    try:
        data = json.loads(content)
    except ValueError as error:
        raise ManifestError(f"{key} is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise ManifestError(f"{key}: expected an object, found {type(data).__name__}")
    return data


def _supported(folder: str, summary: dict[str, Any]) -> None:
    kind = summary.get("exportType") or "FULL_EXPORT"  # older exports do not say, and are full
    if kind != "FULL_EXPORT":
        raise ManifestError(f"{folder}: expected a FULL_EXPORT, found {kind}; it cannot be loaded as a whole table")
    form = summary.get("outputFormat")
    if form != "DYNAMODB_JSON":
        raise ManifestError(f"{folder}: expected outputFormat DYNAMODB_JSON, found {form!r}; export again as that")


def _files(folder: str, content: bytes) -> tuple[DataFile, ...]:
    files: list[DataFile] = []
    seen: set[str] = set()
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        where = f"{folder}{FILES} line {number}"
        entry = _object(where, line)
        key = _rebase(folder, _text(where, entry, "dataFileS3Key"))
        if key in seen:
            raise ManifestError(f"{where}: {key} is listed twice; its items would be counted twice")
        seen.add(key)
        md5 = _text(where, entry, "md5Checksum")
        if not _is_md5(md5):
            raise ManifestError(f"{where}: md5Checksum should be 16 bytes in base64, found {md5!r}")
        files.append(DataFile(len(files), key, md5, _count(where, entry, "itemCount")))
    return tuple(files)


def _rebase(folder: str, key: str) -> str:
    """The key of a data file inside the folder the manifest was read from."""
    own = f"AWSDynamoDB/{export_id_of(folder)}/"
    _, found, rest = ("/" + key).partition("/" + own)
    if not found or not rest or ".." in rest.split("/"):
        raise ManifestError(f"{folder}{FILES}: {key!r} does not lie in {own}; it belongs to another export")
    return folder + rest


def _text(where: str, data: dict[str, Any], field: str) -> str:
    value = data.get(field)
    if not isinstance(value, str) or not value:
        raise ManifestError(f"{where}: {field} should be text, found {value!r}")
    return value


def _count(where: str, data: dict[str, Any], field: str) -> int:
    value = data.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ManifestError(f"{where}: {field} should be a count, found {value!r}")
    return value


def _billed(folder: str, summary: dict[str, Any]) -> int:
    """The bytes AWS charges for; old summaries and copies may not have them."""
    return 0 if summary.get("billedSizeBytes") is None else _count(folder + SUMMARY, summary, "billedSizeBytes")


def _is_md5(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False

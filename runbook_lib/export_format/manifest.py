"""What AWS says was exported: the two manifests of one export, checked, and the files they name.

Nothing is ever found by listing a prefix. An export that was copied elsewhere keeps the keys
it was written with inside its manifest; they are rebased onto the folder it was read from.
Format: "DynamoDB table export output format", AWS Developer Guide; the sidecars are documented
as `.checksum` and written as `.md5`, so both are taken.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass

from runbook_lib.errors import ManifestError
from runbook_lib.export_format.fields import (
    MOST,
    Fields,
    parse_count,
    parse_json,
    parse_md5,
    parse_moment,
    parse_optional,
    parse_text,
)

SUMMARY, FILES = "manifest-summary.json", "manifest-files.json"
FULL_EXPORT, INCREMENTAL_EXPORT = "FULL_EXPORT", "INCREMENTAL_EXPORT"
# A manifest is read as a whole: more than this is none of DynamoDB's. A listed file takes about 200 bytes.
MOST_FILES = 1_000_000
MOST_BYTES = {FILES: 256 << 20, SUMMARY: 1 << 20}
SIDECAR_BYTES = 4 << 10
OF_CHANGES = ("exportFromTime", "exportToTime", "outputView")
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
    """A checked pair of manifests; `checked` says whether their MD5 sidecars were there to check.

    The last three are those of an incremental export: it holds the changes of a stretch of time, the end left out.
    """

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
    changes_from: str = ""
    changes_to: str = ""
    view: str = ""

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


def shared_data(folder: str) -> str:
    """Where the incremental exports beside a folder `.../AWSDynamoDB/<id>/` have their data files."""
    return folder.removesuffix(export_id_of(folder) + "/") + "data/"


def most_bytes(key: str) -> int:
    """How many bytes of a manifest or a sidecar are read at most; one more is too many."""
    return MOST_BYTES.get(key.rpartition("/")[2], SIDECAR_BYTES)


def read_manifest(read: Read, folder: str, *, need_sidecars: bool, of_changes: bool = False) -> Manifest:
    """Read and check the manifests in `folder` (a key ending in a slash), of a full export or of one `of_changes`.

    `need_sidecars` is for exports this run made; an old one may have lost them on the way.
    Raises ManifestError for anything missing, damaged, contradictory, absurd or of another kind.
    """
    where = folder + SUMMARY
    summary_bytes, summary_checked = _checked(read, where, need_sidecars)
    summary = parse_json(where, summary_bytes)
    _supported(folder, summary, of_changes)
    files_bytes, files_checked = _checked(read, folder + FILES, need_sidecars)
    files = _files(folder, files_bytes, shared_data(folder) if of_changes else f"{folder}data/")
    items, listed = parse_count(where, summary, "itemCount"), sum(f.items for f in files)
    if listed != items:
        raise ManifestError(
            f"{folder}: {SUMMARY} says {items} items, the files in {FILES} add up to "
            f"{listed if listed <= MOST else f'more than {MOST}'}; the export is damaged, export again"
        )
    export_arn, table_arn = parse_text(where, summary, "exportArn"), parse_text(where, summary, "tableArn")
    table_of(table_arn)
    if not export_arn.startswith(table_arn + "/"):
        raise ManifestError(f"{where}: exportArn {export_arn} is not of tableArn {table_arn}; export again")
    if export_arn.rpartition("/")[2] != export_id_of(folder):
        raise ManifestError(
            f"{where}: exportArn {export_arn} is not of the folder's export {export_id_of(folder)}; the manifest of "
            "another export lies here, export again"
        )
    if (named := parse_optional(where, summary, "manifestFilesS3Key")) and _place(folder, named) != FILES:
        raise ManifestError(f"{where}: manifestFilesS3Key {named} is not the {FILES} beside it; export again")
    return Manifest(
        export_arn=export_arn,
        table_arn=table_arn,
        table_id=parse_optional(where, summary, "tableId"),
        export_time=parse_moment(where, summary, "exportTime") or parse_moment(where, summary, "startTime"),
        folder=folder,
        items=items,
        billed_bytes=_billed(where, summary),
        files=files,
        summary_md5=hashlib.md5(summary_bytes, usedforsecurity=False).hexdigest(),
        files_md5=hashlib.md5(files_bytes, usedforsecurity=False).hexdigest(),
        checked=summary_checked and files_checked,
        changes_from=parse_moment(where, summary, "exportFromTime") if of_changes else "",
        changes_to=parse_moment(where, summary, "exportToTime") if of_changes else "",
        view=parse_text(where, summary, "outputView") if of_changes else "",
    )


def _checked(read: Read, key: str, need_sidecar: bool) -> tuple[bytes, bool]:
    """A manifest's bytes, and whether there was a sidecar that they were checked against."""
    content = _bounded(read, key)
    if content is None:
        raise ManifestError(f"{key} is missing: the export is not complete, or this is not its folder")
    stem = key.removesuffix(".json")
    for sidecar in (f"{stem}.md5", f"{stem}.checksum"):
        expected = _bounded(read, sidecar)
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


def _bounded(read: Read, key: str) -> bytes | None:
    content = read(key)
    if content is not None and len(content) > most_bytes(key):
        raise ManifestError(f"{key} has more than {most_bytes(key):,} bytes, and none that DynamoDB writes has")
    return content


def _supported(folder: str, summary: Fields, of_changes: bool) -> None:
    kind = summary.get("exportType") or FULL_EXPORT  # older exports do not say, and are full
    named = [name for name in OF_CHANGES if summary.get(name) is not None]
    if of_changes:
        if kind != INCREMENTAL_EXPORT or len(named) < len(OF_CHANGES):
            raise ManifestError(
                f"{folder}: expected an {INCREMENTAL_EXPORT} with {', '.join(OF_CHANGES)}, found {kind} with "
                f"{', '.join(named) or 'none of them'}; name the full export first and its windows after it, in order"
            )
    elif kind != FULL_EXPORT or named:
        found = kind if kind != FULL_EXPORT else f"{', '.join(named)}, as an INCREMENTAL_EXPORT has"
        raise ManifestError(
            f"{folder}: expected a FULL_EXPORT, found {found}; it holds the changes of a stretch of time and cannot be "
            "loaded as a whole table"
        )
    form = summary.get("outputFormat")
    if form != "DYNAMODB_JSON":
        raise ManifestError(f"{folder}: expected outputFormat DYNAMODB_JSON, found {form!r}; export again as that")


def _files(folder: str, content: bytes, data: str) -> tuple[DataFile, ...]:
    files: list[DataFile] = []
    seen: set[str] = set()
    for number, line in enumerate(io.BytesIO(content), 1):
        if not line.strip():
            continue
        if len(files) == MOST_FILES:
            raise ManifestError(f"{folder}{FILES} lists more than {MOST_FILES:,} files, more than this tool takes")
        where = f"{folder}{FILES} line {number}"
        entry = parse_json(where, line)
        key = _rebase(folder, parse_text(where, entry, "dataFileS3Key"), data)
        if key in seen:
            raise ManifestError(f"{where}: {key} is listed twice; its items would be counted twice")
        seen.add(key)
        files.append(
            DataFile(len(files), key, parse_md5(where, entry, "md5Checksum"), parse_count(where, entry, "itemCount"))
        )
    return tuple(files)


def _rebase(folder: str, key: str, data: str) -> str:
    """The key of a data file inside `data`, wherever the export was copied to since it was written there."""
    own = "AWSDynamoDB/" + data.removesuffix("data/").rpartition("AWSDynamoDB/")[2]
    rest = _below(own, key)
    if rest is None or not rest.startswith("data/") or "/" in rest.removeprefix("data/"):
        raise ManifestError(f"{folder}{FILES}: {key!r} does not lie in {own}data/; it belongs to another export")
    return data + rest.removeprefix("data/")


def _place(folder: str, key: str) -> str | None:
    """Where in its export's folder an object lies by the key it was written with; None if it is in no such folder."""
    return _below(f"AWSDynamoDB/{export_id_of(folder)}/", key)


def _below(own: str, key: str) -> str | None:
    _, found, rest = ("/" + key).partition("/" + own)
    if not found or not rest.rpartition("/")[2] or {"..", "."} & set(key.split("/")):
        return None
    return rest


def _billed(where: str, summary: Fields) -> int:
    """The bytes AWS charges for; old summaries and copies may not have them."""
    return 0 if summary.get("billedSizeBytes") is None else parse_count(where, summary, "billedSizeBytes")

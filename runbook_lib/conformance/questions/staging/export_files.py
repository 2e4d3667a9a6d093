"""The files of an export: what lies where, what both manifests say, and that the items are as they were."""

from __future__ import annotations

import gzip
import re
from base64 import b64decode, b64encode

from runbook_lib.conformance.made.exports import ExportedFiles, exported, md5_of
from runbook_lib.conformance.question import Area, Need, guide, question, seen
from runbook_lib.conformance.questions.staging.export_request import export_token, full_export
from runbook_lib.conformance.subject import Subject

_BUCKET = (Need.BUCKET,)
_MEMBERS = (
    "billedSizeBytes", "endTime", "exportArn", "exportTime", "itemCount", "manifestFilesS3Key", "outputFormat",
    "s3Bucket", "s3Prefix", "s3SseAlgorithm", "s3SseKmsKeyId", "startTime", "tableArn", "tableId", "version",
)  # fmt: skip
_WHOLE = "an export is read by its manifests alone, and each file is checked whole before its first item is used"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def full_files(subject: Subject) -> ExportedFiles:
    full_export(subject)
    return exported(subject, "full", ClientToken=export_token(subject, "full"))


@question(
    Area.EXPORT_FILES,
    expect=(
        "_started", "data", "manifest-files.json", "manifest-files.md5", "manifest-summary.json",
        "manifest-summary.md5",
    ),
    relied_on=_WHOLE,
    source=seen("the folder of the full export"),
    needs=_BUCKET,
)  # fmt: skip
def folder_of_an_export(subject: Subject) -> tuple[str, ...]:
    """What lies in the folder of an export?"""
    folder = full_files(subject).folder
    return tuple(sorted({key.removeprefix(folder).split("/")[0] for key in subject.keys_under(folder)}))


@question(Area.EXPORT_FILES, expect=_MEMBERS, relied_on=_WHOLE, source=seen("manifest-summary.json"), needs=_BUCKET)
def members_of_the_summary(subject: Subject) -> tuple[str, ...]:
    """Which members has the summary of a full export?"""
    return tuple(sorted(full_files(subject).summary))


@question(
    Area.EXPORT_FILES,
    expect=("2020-06-30", "DYNAMODB_JSON", True, True),
    relied_on="an export of another kind is told by its summary",
    source=seen("manifest-summary.json"),
    needs=_BUCKET,
)
def summary_of_a_full_export(subject: Subject) -> tuple[str | bool, ...]:
    """Does the summary of a full export give version, format, moments in milliseconds, and the table's id?"""
    files = full_files(subject)
    moments = (files.summary[name] for name in ("startTime", "endTime", "exportTime"))
    return (
        str(files.summary["version"]),
        str(files.summary["outputFormat"]),
        all(_MOMENT.fullmatch(moment) for moment in moments),
        files.summary["tableId"] == files.description["TableId"],
    )


@question(
    Area.EXPORT_FILES,
    expect=True,
    relied_on="without a moment asked for, an export is of the moment it was started",
    source=seen("exportTime equals startTime to the millisecond"),
    needs=_BUCKET,
)
def export_is_of_its_start(subject: Subject) -> bool:
    """Is an export without a moment asked for one of its start, to the millisecond?"""
    summary = full_files(subject).summary
    return bool(summary["exportTime"] == summary["startTime"])


@question(
    Area.EXPORT_FILES,
    expect=(True, True),
    relied_on="both manifests are checked before they are believed",
    source=seen("manifest-summary.md5 and manifest-files.md5: the MD5 in base64"),
    needs=_BUCKET,
)
def both_checksums(subject: Subject) -> tuple[bool, ...]:
    """Are the MD5 of both manifests beside them, in base64?"""
    folder = full_files(subject).folder
    names = ("manifest-summary", "manifest-files")
    return tuple(
        subject.object(f"{folder}{name}.md5").decode().strip() == md5_of(subject.object(f"{folder}{name}.json"))
        for name in names
    )


@question(
    Area.EXPORT_FILES,
    expect=("dataFileS3Key", "etag", "itemCount", "md5Checksum"),
    relied_on=_WHOLE,
    source=seen("manifest-files.json"),
    needs=_BUCKET,
)
def members_of_the_files_manifest(subject: Subject) -> tuple[str, ...]:
    """Which members has each line of the manifest of files?"""
    return tuple(sorted({name for file in full_files(subject).files for name in file}))


@question(
    Area.EXPORT_FILES,
    expect=(True, True, True),
    relied_on=_WHOLE,
    source=seen("md5Checksum and etag of each data file"),
    needs=_BUCKET,
)
def checksums_of_the_data_files(subject: Subject) -> tuple[bool, ...]:
    """Is each file's MD5 the one of its packed bytes, and its ETag that of an upload in one part?"""
    files = full_files(subject)
    return (
        all(md5_of(files.packed[str(file["dataFileS3Key"])]) == file["md5Checksum"] for file in files.files),
        all(re.fullmatch(r"[0-9a-f]{32}-1", str(file["etag"])) for file in files.files),
        bool(files.files),
    )


@question(
    Area.EXPORT_FILES,
    expect=True,
    relied_on="a file is found by the key that the manifest has, from the root of the bucket",
    source=seen("dataFileS3Key; s3Prefix of the export of 2024"),
    needs=_BUCKET,
)
def names_of_the_data_files(subject: Subject) -> bool:
    """Is each data file under data/ of the folder, with 26 letters and digits of base32 as its name?"""
    files = full_files(subject)
    form = re.escape(files.folder) + r"data/[a-z2-7]{26}\.json\.gz"
    return all(re.fullmatch(form, str(file["dataFileS3Key"])) for file in files.files)


@question(
    Area.EXPORT_FILES,
    expect=(True, True),
    relied_on="a file without items is a file, and no damage",
    source=seen("three of four files are the gzip of nothing, itemCount 0"),
    needs=_BUCKET,
)
def files_without_items(subject: Subject) -> tuple[bool, bool]:
    """Has a small table files without items, and are those the gzip of nothing?"""
    files = full_files(subject)
    empty = [files.packed[str(file["dataFileS3Key"])] for file in files.files if file["itemCount"] == 0]
    return bool(empty), all(gzip.decompress(body) == b"" for body in empty)


@question(
    Area.EXPORT_FILES,
    expect=(5, 5, 5),
    relied_on="the count of an export is a witness: summary, files and lines agree",
    source=seen("itemCount of summary and files"),
    needs=_BUCKET,
)
def counts_of_an_export(subject: Subject) -> tuple[int, int, int]:
    """Do summary, files and lines have the same number of items?"""
    files = full_files(subject)
    return int(files.summary["itemCount"]), sum(int(file["itemCount"]) for file in files.files), len(files.lines)


@question(
    Area.EXPORT_FILES,
    expect=("Item",),
    relied_on="a line becomes a put by being wrapped, unread",
    source=seen('data files: one {"Item": ...} a line'),
    needs=_BUCKET,
)
def members_of_a_line(subject: Subject) -> tuple[str, ...]:
    """Which members has a line of a full export?"""
    return tuple(sorted({name for line in full_files(subject).lines for name in line}))


@question(
    Area.EXPORT_FILES,
    expect=("-0.5", "1.5", "12345678901234567890123456789012345678", "7"),
    relied_on="numbers of an export are spelled as the table gives them back",
    source=guide("Naming rules and data types: leading and trailing zeroes are trimmed"),
    needs=_BUCKET,
)
def numbers_of_an_export(subject: Subject) -> tuple[str, ...]:
    """Are the numbers of an export in their canonical form?"""
    items = [line["Item"] for line in full_files(subject).lines]
    return tuple(sorted(str(item["n"]["N"]) for item in items if "n" in item))


@question(
    Area.EXPORT_FILES,
    expect=True,
    relied_on="what is loaded is what the table holds, value by value",
    source=guide("DynamoDB table export output format"),
    needs=_BUCKET,
)
def items_of_an_export(subject: Subject) -> bool:
    """Are the items of an export those that the table gives back, with bytes in base64?"""
    items = {line["Item"]["id"]["S"]: line["Item"] for line in full_files(subject).lines}
    return (
        b64decode(items["one"]["b"]["B"]) == bytes(range(256))
        and sorted(items["one"]["set"]["SS"]) == ["a", "b"]
        and items["two"]["m"] == {"M": {"l": {"L": [{"NULL": True}, {"BOOL": False}]}}}
        and items["three"]["text"]["S"] == 'é\n"\\\x01\U0001f600'
        and items["three"]["bs"]["BS"] == [b64encode(b"\x00").decode()]
        and sorted(items["three"]["ns"]["NS"]) == ["1", "20"]
        and items["four"]["empty"] == {"S": ""}
    )

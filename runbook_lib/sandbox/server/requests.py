"""What a request asks for: whose it is, of which service, which operation."""

from __future__ import annotations

import re
from typing import Any

_CREDENTIAL = re.compile(r"Credential=([^/\s]+)/\d+/([^/]+)/([^/]+)/aws4_request")


def signed_for(environ: dict[str, Any]) -> tuple[str, str, str]:
    """Return access key, region and service of a request's signature; an unsigned request is taken for S3."""
    found = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if found is not None:
        return found[1], found[2], found[3]
    return "", "us-east-1", "dynamodb" if "HTTP_X_AMZ_TARGET" in environ else "s3"


def operation_of(environ: dict[str, Any], service: str, body: bytes) -> str:
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2]
    if service == "s3":
        return s3_operation(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", ""))
    found = re.search(rb"(?:^|&)Action=(\w+)", body)
    return found[1].decode("ascii") if found else str(environ["REQUEST_METHOD"])


SUB_RESOURCES = frozenset(
    {
        "encryption", "location", "object-lock", "ownershipControls", "policy", "publicAccessBlock", "versioning",
        "versions",
    }
)  # fmt: skip


def s3_operation(method: str, path: str, query: str) -> str:
    """Name the S3 operations a migration uses; a request with a sub-resource keeps its query in the name."""
    bucket, _, key = path.lstrip("/").partition("/")
    flags = {part.split("=")[0] for part in query.split("&")} - {"", "x-id"}
    if not bucket:
        return "ListBuckets" if method == "GET" else method
    if key:
        if method == "POST":
            return "CreateMultipartUpload" if "uploads" in flags else "CompleteMultipartUpload"
        if "uploadId" in flags:
            return {"PUT": "UploadPart", "DELETE": "AbortMultipartUpload"}.get(method, "ListParts")
        names = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
        return names.get(method, method)
    if "list-type" in flags:
        return "ListObjectsV2"
    sub = sorted(flags & SUB_RESOURCES)
    if sub:
        return f"{method.title()}Bucket:{sub[0]}"
    names = {"GET": "ListObjects", "HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
    return names.get(method, "DeleteObjects" if "delete" in flags else method)

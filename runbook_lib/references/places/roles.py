"""IAM: what the policies of roles allow on which tables; asked for with references.roles."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from runbook_lib.aws.reading.listings import ROLES
from runbook_lib.aws.reading.reader import ServiceReader
from runbook_lib.references.places.place import SearchedText, texts_of


def places_of_roles(reader: ServiceReader) -> Iterator[SearchedText]:
    for entry in reader.entries(ROLES, Filter=["Role", "LocalManagedPolicy"]):
        if entry["Member"] == "RoleDetailList":
            for policy in entry.get("RolePolicyList") or ():
                where = f"policy {policy['PolicyName']}"
                yield SearchedText("role", entry["RoleName"], where, _document(policy.get("PolicyDocument")))
        for version in entry.get("PolicyVersionList") or ():
            if entry["Member"] == "Policies" and version.get("IsDefaultVersion"):
                yield SearchedText(
                    "managed policy", entry["PolicyName"], "document", _document(version.get("Document"))
                )


def _document(document: object) -> str:
    return unquote(texts_of(document))

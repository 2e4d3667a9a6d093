"""What the target's role needs for DynamoDB's own loaders: ImportTable and bulk puts, where they may be asked for.

Which actions a bulk put needs is documented by AWS on a page that could not be read: these are its operations by name,
and what a sibling, ImportTable, needs in S3.
"""

from __future__ import annotations

from runbook_lib.aws.guard.allowed_calls import TARGET_BULK_PUTS, TARGET_IMPORTS
from runbook_lib.aws.session.identity import Identity
from runbook_lib.config.model import Migration
from runbook_lib.iac.policy_statements import Json, allow, objects_in

# ImportTable writes its errors there: "Requesting a table import in DynamoDB", Developer Guide.
IMPORT_LOGS = (
    "CreateLogGroup", "CreateLogStream", "DescribeLogGroups", "DescribeLogStreams", "PutLogEvents",
    "PutRetentionPolicy",
)  # fmt: skip
ANYWHERE = frozenset({"dynamodb:ListImports"})  # it knows no resources
# An operation's ARN names no table, as far as is known.
BULK_ANYWHERE = frozenset({"dynamodb:DescribeBulkOperation", "dynamodb:ListBulkOperations"})
OUTPUT = "bulk-put"  # the folder of what bulk puts leave


def tables_to_make(config: Migration, tables: list[str]) -> list[str]:
    """Those of the tables that ImportTable may be asked to make: all or none."""
    wanted = config.import_.strategy
    return tables if wanted == "import_table" or (wanted == "auto" and config.tables.create_missing) else []


def tables_to_put_into(config: Migration, tables: list[str]) -> list[str]:
    """Those of the tables into which a bulk put may be asked for: all or none."""
    wanted = config.import_.strategy
    return tables if wanted == "bulk_put" or (wanted == "auto" and config.prices.bulk_put_gb is not None) else []


def is_by_service(config: Migration) -> bool:
    """Whether DynamoDB itself may be asked to read the export, which it does with the rights of whoever asks."""
    return bool(tables_to_make(config, [""]) or tables_to_put_into(config, [""]))


def loader_statements(config: Migration, tables: list[str], who: Identity) -> list[Json]:
    """The statements for the target's role; empty ones where no loader may be asked for."""
    made, put = tables_to_make(config, tables), tables_to_put_into(config, tables)
    logs = f"arn:{who.partition}:logs:{who.region}:{who.account}:log-group:/aws-dynamodb/*"
    return [
        allow("FindImports", list(ANYWHERE), ["*"] if made else []),
        allow("ImportTables", list(TARGET_IMPORTS - ANYWHERE), [*made, *(f"{arn}/import/*" for arn in made)]),
        allow("LogImports", [f"logs:{o}" for o in IMPORT_LOGS], [logs] if made else []),
        allow("FindBulkPuts", list(BULK_ANYWHERE), ["*"] if put else []),
        allow("BulkPutTables", list(TARGET_BULK_PUTS - BULK_ANYWHERE), put),
        allow(
            "WriteBulkOutput",
            ["s3:AbortMultipartUpload", "s3:PutObject"],
            [objects_in(config, who, OUTPUT)] if put else [],
        ),
    ]

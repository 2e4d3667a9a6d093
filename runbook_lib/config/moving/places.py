"""The sections of a migration file that say where: a side's region and identity, and a bucket with a prefix."""

from __future__ import annotations

from pydantic import Field, field_validator

from runbook_lib.config.section import Strict

REGION = r"^[a-z]{2}(-[a-z]+)+-\d$"
ENDPOINT = r"^https?://[^@?#\s]+$"
BUCKET = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"


class Side(Strict):
    """One end of the migration: a region, reached with a profile, a role or the default credentials."""

    region: str = Field(pattern=REGION, description="AWS region of the tables")
    profile: str | None = Field(default=None, description="profile of the AWS credential chain")
    role_arn: str | None = Field(default=None, description="role to assume with those credentials")
    endpoint_url: str | None = Field(
        default=None, pattern=ENDPOINT, description="a DynamoDB-compatible server instead of AWS"
    )


class Staging(Strict):
    """The S3 place that exports are written to and read from."""

    bucket: str = Field(pattern=BUCKET, description="bucket, in any region or account")
    prefix: str = Field(default="", description="key prefix of the exports, without leading or trailing slashes")
    region: str = Field(pattern=REGION, description="region of the bucket")
    profile: str | None = Field(
        default=None,
        description="profile that reads the bucket; default: the target's, or with a transform the source's",
    )
    role_arn: str | None = Field(
        default=None, description="role that reads the bucket; default: the target's, or with a transform the source's"
    )
    endpoint_url: str | None = Field(default=None, pattern=ENDPOINT, description="an S3-compatible server")
    bucket_owner: str | None = Field(
        default=None, pattern=r"^\d{12}$", description="account that owns the bucket, if it is not the source's"
    )
    kms_key_id: str | None = Field(default=None, description="KMS key for SSE-KMS; default: AES256")

    @field_validator("prefix")
    @classmethod
    def _strip(cls, value: str) -> str:
        return value.strip("/")

    @property
    def has_identity(self) -> bool:
        """Whether the bucket is reached as somebody of its own."""
        return bool(self.profile or self.role_arn)

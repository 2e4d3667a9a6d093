"""The section of a migration file that says who signs the seal of a run."""

from __future__ import annotations

from pydantic import Field

from runbook_lib.config.moving.places import REGION
from runbook_lib.config.section import Strict


class SignSettings(Strict):
    """A key of KMS that signs each seal."""

    kms: str = Field(
        min_length=1, max_length=2048,
        description="an RSA or ECC key of the usage SIGN_VERIFY: its ARN, its id, or alias/NAME",
    )  # fmt: skip
    region: str | None = Field(default=None, pattern=REGION, description="region of the key; default: the target's")
    profile: str | None = Field(default=None, description="profile that signs; default: the target's")
    role_arn: str | None = Field(default=None, description="role that signs; default: the target's")

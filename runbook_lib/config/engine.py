"""The settings of the engine: this process or a cluster, and how its connections are protected."""

from __future__ import annotations

import ipaddress
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from runbook_lib.config.section import Strict


class TlsSettings(Strict):
    """The certificates of a Dask cluster; whoever has one of them may run code there."""

    ca: str = Field(description="file with the certificate of the authority that signed the scheduler's")
    cert: str = Field(description="file with this machine's own certificate")
    key: str = Field(description="file with the key of that certificate")


class EngineSettings(Strict):
    """Where items are loaded and compared: in this process, or by the workers of a Dask cluster."""

    kind: Literal["local", "dask"] = Field(
        default="local", description="dask needs the extra `dask`: pip install '.[dask]' in the checkout"
    )
    address: str | None = Field(
        default=None,
        pattern=r"^(tcp|tls|ucx|wss?)://[^@\s]+$",
        description="scheduler of a running cluster, tls://HOST:8786; default: worker processes on this machine",
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="worker processes, default one per CPU; with an address, how many to wait for, default one",
    )
    tls: TlsSettings | None = Field(
        default=None,
        description="certificates for a tls:// or wss:// address; default: those of Dask's own configuration",
    )
    insecure: bool = Field(
        default=False,
        description="use an address that is neither on this machine nor encrypted: anyone who can reach it can run "
        "code in the workers, with their AWS credentials",
    )

    @model_validator(mode="after")
    def _of_dask(self) -> EngineSettings:
        given = [name for name in ("address", "workers", "tls") if getattr(self, name) is not None]
        if self.kind == "local" and given:
            raise ValueError(f"{' and '.join(given)}: only for kind 'dask', and kind is 'local'")
        return self

    @model_validator(mode="after")
    def _protected(self) -> EngineSettings:
        if self.tls is not None and not self.is_encrypted:
            raise ValueError("tls: only for an address that begins with tls:// or wss://")
        if self.address and not (self.is_encrypted or self.insecure or _is_this_machine(self.address)):
            raise ValueError(
                "address: a scheduler on another machine should be reached by tls:// or wss://, with engine.tls: "
                "whoever reaches it unencrypted may run code in the workers, with their AWS credentials. Where only "
                "you can, say engine.insecure: true"
            )
        return self

    @property
    def is_encrypted(self) -> bool:
        """Whether the scheduler is reached with TLS."""
        return self.address is not None and self.address.startswith(("tls://", "wss://"))


def _is_this_machine(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""The demo's settings: an environment that cannot reach AWS and the configuration of the demo migration."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from runbook_lib.sandbox.fleet.tables import (
    DEFAULT_ACCOUNT,
    SOURCE_REGION,
    STAGING_BUCKET,
    STAGING_PREFIX,
    TARGET_REGION,
)
from runbook_lib.sandbox.process import without_aws


def demo_environment(endpoint: str) -> dict[str, str]:
    """Return the environment of the demo's processes: none of the user's AWS settings, made-up credentials.

    AWS_ENDPOINT_URL is set too, so that a client somebody builds without an endpoint still talks to the
    sandbox.
    """
    environment = without_aws()
    host = urlsplit(endpoint).hostname or "127.0.0.1"
    exempt = ",".join(filter(None, (environment.get("NO_PROXY") or environment.get("no_proxy"), host)))
    return environment | {
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ENDPOINT_URL": endpoint,
        "NO_PROXY": exempt,
        "no_proxy": exempt,
    }


def demo_config(endpoint: str, account: str = DEFAULT_ACCOUNT, **overrides: Any) -> dict[str, Any]:
    """Return the demo's migration.yaml as a dict; an override that is a dict is merged into its section."""
    config: dict[str, Any] = {
        "name": "demo",
        "source": {"region": SOURCE_REGION, "endpoint_url": endpoint},
        "target": {"region": TARGET_REGION, "endpoint_url": endpoint},
        "staging": {
            "bucket": STAGING_BUCKET,
            "prefix": STAGING_PREFIX,
            "region": TARGET_REGION,
            "endpoint_url": endpoint,
        },
        "tables": {
            "include": ["bebco-borrower-staging-*"],
            "rename": {
                "pattern": "bebco-borrower-staging-(?P<name>.+)",
                "to": "bebco-borrower-{name}-dev",
            },
        },
        "export": {"without_pitr": "scan"},
        "import": {"on_non_empty": "fail"},
        "confirm_target": f"{account}/{TARGET_REGION}",
    }
    for section, value in overrides.items():
        present = config.get(section)
        config[section] = present | value if isinstance(present, dict) and isinstance(value, dict) else value
    return config

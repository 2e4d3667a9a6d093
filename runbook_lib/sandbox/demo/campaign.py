"""The demo of a campaign: one export for two environments, a reviewed plan, one budget, and a signature by KMS."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from runbook_lib.campaign.run_campaign import run_campaign
from runbook_lib.campaign.standing import RunStanding
from runbook_lib.headless.make_plan_file import make_plan_file
from runbook_lib.sandbox.client import sandbox_client
from runbook_lib.sandbox.demo.settings import demo_config
from runbook_lib.sandbox.fleet.tables import TARGET_REGION

STEM = "bebco-borrower-staging"
NAME = "spring"
KEY = "alias/migration-seals"
BUDGET_USD = 1.0
SHARED = [f"{STEM}-users", f"{STEM}-banks", f"{STEM}-companies"]
OTHERS = [f"{STEM}-files", f"{STEM}-plaid-items"]


def run_demo_campaign(endpoint: str, account: str, folder: Path, say: Any) -> list[RunStanding]:
    """Make the files of the campaign in a folder, and run it; returns how its runs stand."""
    _make_key(endpoint)
    file = write_campaign(endpoint, account, folder)
    plan = make_plan_file(folder / "dev.yaml", "*")
    (folder / "dev.plan.json").write_text(plan.text(), encoding="utf-8")
    say(f"plan: {len(plan.tables)} tables, digest {plan.digest[:12]}, as a pull request would show it")
    return run_campaign(file, say, execute=True, confirm=NAME)


def write_campaign(endpoint: str, account: str, folder: Path) -> Path:
    """The campaign file and its three migration files; returns the former."""
    files = {
        "dev.yaml": _migration(endpoint, account, "dev", SHARED),
        "qa.yaml": _migration(endpoint, account, "qa", SHARED, export={"reuse_run": f"{NAME}-dev"}),
        "files.yaml": _migration(endpoint, account, "dev", OTHERS),
        "campaign.yaml": {
            "name": NAME,
            "limits": {"max_cost_usd": BUDGET_USD},
            "waves": [
                {"name": "the shared export", "runs": [{"id": "dev", "config": "dev.yaml", "plan": "dev.plan.json"}]},
                {
                    "name": "everything else",
                    "runs": [
                        {"id": "qa", "config": "qa.yaml", "after": ["dev"]},
                        {"id": "files", "config": "files.yaml"},
                    ],
                },
            ],
        },
    }
    for name, content in files.items():
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return folder / "campaign.yaml"


def _migration(endpoint: str, account: str, environment: str, tables: list[str], **more: Any) -> dict[str, Any]:
    """One migration; the targets of a new environment are made as their sources are."""
    rename = {"pattern": f"{STEM}-(?P<name>.+)", "to": f"bebco-borrower-{{name}}-{environment}"}
    chosen = {"include": tables, "rename": rename, "create_missing": True}
    export = {"poll_seconds": 0.5} | more.pop("export", {})
    return demo_config(endpoint, account, tables=chosen, sign={"kms": KEY}, export=export, **more)


def _make_key(endpoint: str) -> None:
    with closing(sandbox_client("kms", endpoint, TARGET_REGION)) as kms:
        made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
        kms.create_alias(AliasName=KEY, TargetKeyId=made["KeyId"])

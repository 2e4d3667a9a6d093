"""`runbook conformance --migrate`: a whole small migration between the two regions, with the report as always."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from runbook_lib.aws.session.identity import Identity
    from runbook_lib.aws.session.own_clients import OwnClients
    from runbook_lib.conformance.account.asking import Asking

STRATEGIES = ("batch_write", "import_table")
_PROVED = "PASS"


def migrate_small_tables(asking: Asking, clients: OwnClients, who: Identity, say: Callable[[str], None]) -> int:
    """Move a table of a few items once by each strategy; everything is removed again, the reports stay."""
    import time

    from runbook_lib.conformance.account.asking import told_of
    from runbook_lib.conformance.account.removal import Waiting, register, remove_all
    from runbook_lib.conformance.made.exports import SAMPLE, recovery_turned_on
    from runbook_lib.conformance.subject import Subject

    pause = 5.0 if clients.is_aws else 0.1
    subject = Subject(clients, patience=300.0)
    register(clients, asking.regions, time.time)
    verdicts = {}
    try:
        for strategy in STRATEGIES:
            name = subject.table(f"src-{strategy.replace('_', '-')}")
            recovery_turned_on(subject, clients.dynamodb, name)
            subject.put(name, *SAMPLE)
            verdicts[strategy] = _migrated(asking, clients, who, strategy, name, say)
    finally:
        for line in told_of(remove_all(clients, Waiting(say, pause=pause))):
            say(line)
    for strategy, verdict in verdicts.items():
        say(f"migration by {strategy}: {verdict}")
    return 0 if all(verdict == _PROVED for verdict in verdicts.values()) else 1


def _migrated(
    asking: Asking, clients: OwnClients, who: Identity, strategy: str, table: str, say: Callable[[str], None]
) -> str:
    from runbook_lib.headless.runner import Request, run_notebooks

    with TemporaryDirectory(prefix="runbook-conformance-") as folder:
        file = Path(folder) / "migration.yaml"
        file.write_text(yaml.safe_dump(_settings(asking, clients, who, strategy, table)), encoding="utf-8")
        run_id = f"conformance-{clients.names.id}-{strategy.replace('_', '-')}"
        record = run_notebooks(Request(file, run_id, None, None, "", True), say)
        return str(record.to_json()["verdict"])


def _settings(asking: Asking, clients: OwnClients, who: Identity, strategy: str, table: str) -> dict[str, Any]:
    side = {"profile": asking.profile, "endpoint_url": asking.endpoint}
    return {
        "name": f"conformance-{strategy.replace('_', '-')}",
        "source": side | {"region": asking.region},
        "target": side | {"region": asking.other_region},
        "staging": {
            "bucket": asking.bucket, "region": asking.region, "endpoint_url": asking.endpoint,
            "prefix": f"{clients.names.folder}migration",
        },
        "tables": {
            "include": [table],
            "rename": {"pattern": "(?P<head>.+)-src-(?P<name>.+)", "to": "{head}-dst-{name}"},
            "create_missing": True,
        },
        "import": {"strategy": strategy},
        "confirm_target": f"{who.account}/{asking.other_region}",
    }  # fmt: skip

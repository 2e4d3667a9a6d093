"""What ran, as names and values."""

from __future__ import annotations

from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.text import NOT_RECORDED, pluralize

LOCAL = "local"


def environment_rows(record: RunRecord) -> list[tuple[str, str]]:
    """Engines, commit, digests of the notebooks, versions of the packages."""
    versions = ", ".join(f"{name} {version}" for name, version in sorted(record.code.packages.items()))
    return [
        *_engines(record),
        *([("digest of the plan file", record.plan_digest)] if record.plan_digest else []),
        ("git commit", record.code.git or NOT_RECORDED),
        *((f"sha256 of {name}", digest) for name, digest in sorted(record.code.notebooks.items())),
        ("packages", versions or NOT_RECORDED),
    ]


def _engines(record: RunRecord) -> list[tuple[str, str]]:
    """Who did the work of a step, where it was not this process alone."""
    found = []
    for step, engine in sorted(record.engine.items()):
        if engine.processes:
            beside = pluralize(engine.processes, "process", "processes")
            found.append((f"engine of the {step}", f"{engine.kind}: {beside} beside the coordinator, for large tables"))
        if engine.kind not in (None, LOCAL):
            workers = pluralize(engine.workers, "worker process", "worker processes")
            said = f"{engine.kind}: {workers} at {engine.scheduler}, {engine.slots} units at once"
            found.append((f"engine of the {step}", f"{said}; dashboard {engine.dashboard or NOT_RECORDED}"))
    return found

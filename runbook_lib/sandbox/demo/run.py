"""The demo migration: the sandbox, its migration file, and what can be done with the two.

runbook demo                    run it headless
runbook sandbox                 have it stand ready
python -m runbook_lib.sandbox   open the notebooks on it in JupyterLab (`make lab`)
"""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from runbook_lib.atomic_files import write_atomically
from runbook_lib.aws.guard.offline import SWITCH
from runbook_lib.campaign.standing import RunStanding
from runbook_lib.errors import ConfigError
from runbook_lib.extras import require
from runbook_lib.headless.console import StepEnd
from runbook_lib.notebook.lab import open_lab
from runbook_lib.paths import command_here
from runbook_lib.record.run_json import RunRecord
from runbook_lib.sandbox.demo.campaign import run_demo_campaign
from runbook_lib.sandbox.demo.estate import MEANT, make_estate
from runbook_lib.sandbox.demo.live import LiveDemo, live_settings, live_tables
from runbook_lib.sandbox.demo.people import MASK_KEY_NAME, SWITCHED_OFF, add_people, masked_transform
from runbook_lib.sandbox.demo.sabotage import sabotage_target
from runbook_lib.sandbox.demo.settings import demo_config, demo_environment
from runbook_lib.sandbox.process import Sandbox, start_sandbox

Say = Callable[[str], None]


REPAIR_ALL = ("write_missing", "write_different", "delete_extra")
After = Callable[[StepEnd], None]
LEAK = "leak"  # the sabotage that switches a rule of the mask off


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """What the demo is asked for; `then_repair` puts right what was damaged.

    `with_surroundings` puts queues, rules, alarms and others around the tables, and compares both regions
    afterwards.
    `masked` puts people into the tables, and masks them on their way.
    """

    scale: float
    run_id: str = ""
    sabotage: str | None = None
    then_repair: bool = False
    with_surroundings: bool = False
    masked: bool = False
    after: After = lambda _: None

    @property
    def settings(self) -> dict[str, Any]:
        """What the migration file has besides the demo's."""
        masks = {"transform": masked_transform(is_switched_off=self.is_leaking)} if self.masked else {}
        return masks | ({"surroundings": MEANT} if self.with_surroundings else {})

    @property
    def is_leaking(self) -> bool:
        return self.sabotage == LEAK

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the demo's processes, besides those that keep it from AWS; each masked demo has its own key."""
        return _paths() | {SWITCH: "1"} | ({MASK_KEY_NAME: secrets.token_hex(32)} if self.masked else {})


def run_demo(asked: DemoRequest, say: Say) -> RunRecord:
    """Start the sandbox, migrate its fleet and return the run's record."""
    with _ready(0, asked.scale, say, **asked.settings) as (sandbox, config):
        _populate(sandbox, asked, say)
        environment = demo_environment(sandbox.endpoint) | asked.environment
        os.environ.clear()
        os.environ.update(environment)
        from runbook_lib.headless.runner import Request, run_notebooks

        kind, before = asked.sabotage, {}
        if kind and not asked.is_leaking:
            before["validate"] = lambda: say(sabotage_target(sandbox.endpoint, kind))
        record = run_notebooks(Request(config, asked.run_id, execute=True, before=before, after=asked.after), say)
        if asked.with_surroundings:
            record = run_notebooks(Request(config, record.run_id, surroundings=True, after=asked.after), say)
        if not asked.then_repair or record.repair_command is None:
            return record
        say("; ".join(record.reasons) or record.verdict)
        say("repairing now, which is what this command does:")
        say(f"  {command_here(record.repair_command)}")
        chosen = dict.fromkeys(REPAIR_ALL, True) | {"confirm_repair": record.run_id}
        return run_notebooks(Request(config, record.run_id, execute=True, repair=chosen, after=asked.after), say)


def _populate(sandbox: Sandbox, asked: DemoRequest, say: Say) -> None:
    """What the demo has beside the fleet, before anything is exported."""
    if asked.with_surroundings:
        make_estate(sandbox.endpoint, sandbox.account)
    if asked.masked:
        say(f"people: {add_people(sandbox.endpoint, asked.scale)} items with names, addresses, accounts and codes")
    if asked.is_leaking:
        say(f"sabotage  {LEAK}: the rule for {SWITCHED_OFF} keeps what it should mask")


def run_campaign_demo(scale: float, say: Say) -> list[RunStanding]:
    """Start the sandbox and run a campaign of three migrations in it; returns how its runs stand."""
    with _ready(0, scale, say) as (sandbox, config):
        environment = demo_environment(sandbox.endpoint) | _paths() | {SWITCH: "1"}
        os.environ.clear()
        os.environ.update(environment)
        return run_demo_campaign(sandbox.endpoint, sandbox.account, config.parent, say)


def run_live_demo(
    scale: float, sabotage: str | None, run_id: str, say: Say, after: After, by: str = "windows"
) -> RunRecord:
    """Start the sandbox and move two tables that are written to all the while; returns the run's last record."""
    with _ready(0, scale, say, **live_settings(by)) as (sandbox, config):
        environment = demo_environment(sandbox.endpoint) | _paths() | {SWITCH: "1"}
        os.environ.clear()
        os.environ.update(environment)
        return LiveDemo(sandbox.endpoint, config, live_tables(), sabotage, say, after, by).run(run_id)


def stay_up(port: int, scale: float, say: Say, migration: Path | None = None) -> None:
    """Keep a sandbox running until SIGINT or SIGTERM; its migration file is written to `migration`, too."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with _ready(port, scale, say) as (sandbox, config):
        if migration is not None:
            config = copied_to(migration, config)
        say(f"migration file: {config}")
        say("any credentials will do; in another terminal, for example:")
        say(f"  AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox runbook run {config}")
        say("Ctrl-C stops it, and everything in it is gone")
        while not over.wait(1.0) and sandbox.alive:
            pass


def copied_to(to: Path, config: Path) -> Path:
    """A copy of a migration file; raises ConfigError where there is another file."""
    text = config.read_text(encoding="utf-8")
    if to.exists() and to.read_text(encoding="utf-8") != text:
        raise ConfigError(f"--migration: expected a new file, found {to}, which is another one; name another file")
    write_atomically(to, text)
    return to


def open_demo_lab(scale: float, browser: bool, say: Say) -> int:
    """Open the notebooks in JupyterLab on a sandbox; returns JupyterLab's exit code. SIGTERM ends both.

    The notebooks' own default is a dry run; setting `execute` in them and typing the target, which is not in
    the migration file, writes to the sandbox.
    """
    with _ready(0, scale, say, confirm_target="") as (sandbox, config):
        return open_lab(config, demo_environment(sandbox.endpoint) | {SWITCH: "1"}, say, browser=browser)


@contextmanager
def _ready(port: int, scale: float, say: Say, **settings: Any) -> Iterator[tuple[Sandbox, Path]]:
    """A sandbox and the file of the demo migration in it, with settings of its own."""
    require("sandbox", "the AWS emulator")
    say(f"starting the sandbox at scale {scale:g}")
    with (
        start_sandbox(port=port, scale=scale) as sandbox,
        tempfile.TemporaryDirectory(prefix="runbook-") as folder,
    ):
        say(f"sandbox: {sandbox.endpoint}")
        config = Path(folder) / "migration.yaml"
        content = demo_config(sandbox.endpoint, sandbox.account, export={"poll_seconds": 0.5}, **settings)
        config.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        yield sandbox, config


def _paths() -> dict[str, str]:
    chosen = os.environ.get("RUNBOOK_REPORTS")
    return {"RUNBOOK_REPORTS": chosen} if chosen else {}

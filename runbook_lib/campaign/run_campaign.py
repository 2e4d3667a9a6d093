"""Run a campaign: wave by wave, each migration with its notebooks, from wherever it stands.

There is no state but the runs' folders. What was killed is found there and taken up again; a run that is proved is
proved again from its folder and not done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from runbook_lib.atomic_files import turn
from runbook_lib.aws.session.clients import Clients, connect
from runbook_lib.campaign.budget import refuse_beyond_budget
from runbook_lib.campaign.page import page_of, write_page
from runbook_lib.campaign.standing import RunStanding, Standing, proved, signed_as_asked, standing_of
from runbook_lib.campaign.targets import recorded_targets, shared_targets, targets_of
from runbook_lib.config.campaign import Campaign, CampaignRun, load_campaign
from runbook_lib.config.model import Migration, load_config
from runbook_lib.errors import ConfigError, Interrupted, RunbookError
from runbook_lib.headless.console import StepEnd
from runbook_lib.headless.process import terminable
from runbook_lib.headless.runner import Request, run_notebooks
from runbook_lib.paths import reports_root
from runbook_lib.preflight.hold_to_plan import refuse_another_plan
from runbook_lib.preflight.plan_file import read_plan
from runbook_lib.report.render.written_since import recorded_writes
from runbook_lib.report.text import pluralize
from runbook_lib.run.admission.admit import LEDGER, folder_of, is_begun, refuse_another_choice, refuse_another_run
from runbook_lib.run.admission.confirmation import check_confirmation
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.verdicts import INTERRUPTED
from runbook_lib.transform.settings import refuse_untransformed

Say = Callable[[str], None]


@dataclass(slots=True)
class CampaignProgress:
    """A campaign under way; `refused` are the runs that this start could not begin or take up, and why."""

    campaign: Campaign
    execute: bool
    say: Say
    refused: dict[str, str] = field(default_factory=dict)
    broken: dict[str, RunStanding] = field(default_factory=dict)

    def standings(self) -> list[RunStanding]:
        """How every run stands now."""
        writes = recorded_writes(reports_root())
        found = (standing_of(self.campaign, run, self.refused, writes) for run in self.campaign.runs)
        return [self.broken.get(each.run.id) or each for each in found]

    def show(self, _: StepEnd | None = None) -> None:
        """Bring the page up to date."""
        write_page(self.campaign, self.standings())


def run_campaign(file: Path, say: Say, *, execute: bool, confirm: str) -> list[RunStanding]:
    """Do what is left of a campaign; returns how its runs stand.

    Raises ConfigError before anything has run for what is wrong with the campaign, with one of its migrations, or with
    what was typed to allow writing; and KeyboardInterrupt once an interrupted run is published.
    """
    campaign = load_campaign(file)
    _check(campaign, execute=execute, confirm=confirm)
    with terminable(), _alone(campaign):
        progress = CampaignProgress(campaign, execute, say)
        runs, waves = pluralize(len(campaign.runs), "run"), pluralize(len(campaign.waves), "wave")
        say(f"campaign {campaign.name}: {runs} in {waves}")
        try:
            for run in campaign.runs:
                progress.show()
                if not _do(progress, run) and campaign.stop_on_fail:
                    break
        finally:
            progress.show()
        say(f"page: {page_of(campaign)}")
        return progress.standings()


def _check(campaign: Campaign, *, execute: bool, confirm: str) -> None:
    """All that can be wrong before the first run is begun, of every run."""
    if execute and confirm != campaign.name:
        raise ConfigError(
            f"--confirm: expected {campaign.name!r}, the campaign's name, once more, which allows writing, found "
            f"{confirm!r}; nothing was written"
        )
    wrong, targets, adding = [], dict[str, frozenset[str]](), list[str]()
    for run in campaign.runs:
        try:
            config, clients = _check_run(campaign, run, execute=execute)
            targets[run.id] = targets_of(config, clients, run)
            adding += [run.id] if config.import_.on_non_empty == "append" else []
        except RunbookError as error:
            wrong.append(f"{run.id}: {error}")
    if wrong := [*wrong, *shared_targets(targets, adding)]:
        raise ConfigError("\n".join(wrong))


def _check_run(campaign: Campaign, run: CampaignRun, *, execute: bool) -> tuple[Migration, Clients]:
    config = load_config(campaign.place(run.config))
    refuse_untransformed(config, catch_up=False)
    plan = campaign.place(run.plan) if run.plan is not None else None
    if plan is not None:
        read_plan(plan)
    folder = folder_of(campaign.run_id(run))
    if is_begun(folder):
        with closing(Ledger(folder / LEDGER)) as ledger:
            refuse_another_run(ledger, config, folder.name)
            refuse_another_choice(ledger, run.tables, folder.name)
            refuse_another_plan(ledger, folder.name, plan, begun=True)
    _check_reused(campaign, run, config)
    clients = connect(config)
    if execute:
        check_confirmation(config.confirm_target, clients)
    return config, clients


def _check_reused(campaign: Campaign, run: CampaignRun, config: Migration) -> None:
    """Raise ConfigError for a run that uses the exports of a later one of this campaign, or of one it is not after."""
    ids = {campaign.run_id(each): each.id for each in campaign.runs}
    used = ids.get(config.export.reuse_run or "")
    if used is not None and used not in run.after:
        raise ConfigError(
            f"export.reuse_run names the run of {used!r}, and after does not; write after: [{used}], so that it has "
            "its exports by then"
        )


@contextmanager
def _alone(campaign: Campaign) -> Iterator[None]:
    reports_root().mkdir(parents=True, exist_ok=True)
    with turn(reports_root() / f".campaign-{campaign.name}.lock", 0.0) as mine:
        if not mine:
            raise ConfigError(f"campaign {campaign.name} is running already; wait for it, or stop it first")
        yield


def _do(progress: CampaignProgress, run: CampaignRun) -> bool:
    """Do what is left of one run; whether it is done."""
    campaign, say = progress.campaign, progress.say
    found = standing_of(campaign, run, {}, recorded_writes(reports_root()))
    if found.is_done(execute=progress.execute):
        found = proved(found, load_config(campaign.place(run.config)))
        if found.standing is not Standing.BROKEN:
            say(f"{run.id}: {found.standing} already, and its folder bears it out")
            return True
    if found.standing in (Standing.BROKEN, Standing.UNDONE):
        progress.broken[run.id] = found
        say(f"{run.id}: {found.standing}: {found.why}")
        return False
    standings = {each.run.id: each for each in progress.standings()}
    if waiting := [each for each in run.after if not standings[each].is_done(execute=progress.execute)]:
        say(f"{run.id}: not begun, for it comes after {', '.join(waiting)}")
        return False
    say(f"{run.id}: {'goes on' if found.standing is not Standing.WAITING else 'begins'}")
    return _run(progress, run)


def _run(progress: CampaignProgress, run: CampaignRun) -> bool:
    campaign = progress.campaign
    request = Request(
        campaign.place(run.config),
        campaign.run_id(run),
        tables="" if run.tables == "*" else run.tables,
        execute=progress.execute,
        plan=campaign.place(run.plan) if run.plan else None,
        after=progress.show,
    )
    try:
        _refuse_shared(progress, run)
        refuse_beyond_budget(campaign, run, progress.standings())
        record = run_notebooks(request, progress.say)
    except RunbookError as error:
        progress.refused[run.id] = str(error)
        progress.say(f"{run.id}: refused: {error}")
        return False
    if record.verdict == INTERRUPTED:
        raise Interrupted(f"{run.id} was interrupted; run the campaign again to go on")
    progress.say(f"{run.id}: {record.verdict}")
    found = standing_of(campaign, run, {}, recorded_writes(reports_root()))
    if found.is_done(execute=progress.execute):
        found = signed_as_asked(found, load_config(request.config))
    if found.standing is Standing.BROKEN:
        progress.broken[run.id] = found
        progress.say(f"{run.id}: {found.standing}: {found.why}")
    return found.is_done(execute=progress.execute)


def _refuse_shared(progress: CampaignProgress, run: CampaignRun) -> None:
    """Raise ConfigError for a run about to write to what others have loaded by now, unseen by the first look."""
    loaded = {each.run.id: each.record for each in progress.standings() if each.record and each.record.executed}
    config = load_config(progress.campaign.place(run.config))
    if not progress.execute or run.id in loaded or config.import_.on_non_empty == "append":
        return
    targets = {name: recorded_targets(record) for name, record in loaded.items()}
    targets[run.id] = targets_of(config, connect(config), run)
    if wrong := shared_targets(targets, loaded):
        raise ConfigError("\n".join(wrong))

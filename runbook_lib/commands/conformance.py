"""`runbook conformance`: ask a DynamoDB what is relied on, an engine on this machine or an account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runbook_lib.aws.outcome import FAILURES, code_of
from runbook_lib.commands.output import say
from runbook_lib.errors import ConfigError, TransferError

if TYPE_CHECKING:
    from runbook_lib.aws.session.identity import Identity
    from runbook_lib.aws.session.own_clients import OwnClients
    from runbook_lib.conformance.account.asking import Asking
    from runbook_lib.conformance.account.budget import AskingEstimate
    from runbook_lib.conformance.shareable import AskingReport


@click.command()
@click.option("--endpoint", metavar="URL", help="A DynamoDB-compatible server; one on this machine needs no --execute.")
@click.option("--name", default="", help="The server's name in the report.")
@click.option("--region", default="us-east-1", show_default=True, help="Region to ask in.")
@click.option("--other-region", default="us-east-2", show_default=True, help="Region to export from and move to.")
@click.option("--bucket", default="", help="An account's bucket; writes only under runbook-conformance-...")
@click.option("--profile", help="Profile of the AWS credential chain.")
@click.option("--only", default="*", metavar="GLOB", help="Ids of questions: globs, separated by commas.")
@click.option("--long", "is_long", is_flag=True, help="Also ask the slow questions: ImportTable, windows, streams.")
@click.option("--migrate", is_flag=True,
              help="Migrate a small table between the regions; --long: by each strategy, with a cut-over.")  # fmt: skip
@click.option("--kms-key", help="A KMS key, to also ask about exports encrypted with it.")
@click.option("--limit", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, metavar="USD",
              help="Maximum cost.")  # fmt: skip
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Time limit; default 30, with --long 150.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the report; default: in the reports folder.")
@click.option("--policy", is_flag=True, help="Print the IAM policy that it needs; ask nothing.")
@click.option("--clean", is_flag=True, help="Remove what killed runs of this command left behind.")
@click.option("--execute", is_flag=True, help="Ask an account; without it, nothing is created there.")
@click.option("--confirm", default="", metavar="ACCOUNT", help="The account number, to allow asking.")
def conformance(**given: Any) -> int:
    """Test whether an engine or account behaves as this library expects of AWS; exit 1 if an answer deviates."""
    from runbook_lib.conformance.account.asking import Asking, is_engine
    from runbook_lib.conformance.account.budget import DEFAULT_MINUTES, LONG_MINUTES

    engine = is_engine(given["endpoint"]) and not (given["execute"] or given["bucket"] or given["clean"])
    asking = Asking(
        region=given["region"], other_region=given["other_region"], bucket=given["bucket"],
        endpoint=given["endpoint"], profile=given["profile"], engine=engine,
        name=given["name"], only=given["only"],
        long=given["is_long"], kms_key=given["kms_key"], limit=given["limit"],
        minutes=given["minutes"] or (LONG_MINUTES if given["is_long"] else DEFAULT_MINUTES),
    )  # fmt: skip
    try:
        return _carried_out(asking, given)
    except FAILURES as error:
        raise TransferError(
            f"the server refused what the asking needs, or answers no more ({code_of(error)}); fix that, then remove "
            "what is left with --clean"
        ) from error


def _carried_out(asking: Asking, given: dict[str, Any]) -> int:
    asking.questions()
    if asking.region == asking.other_region:
        raise ConfigError(f"--other-region: expected another region than {asking.region}")
    if given["clean"] and given["migrate"]:
        raise ConfigError("--clean and --migrate exclude each other; --clean removes what is left of migrations, too")
    if given["migrate"] and asking.engine and not given["policy"]:
        raise ConfigError("--migrate: expected --bucket too, which a migration goes through")
    if given["policy"]:
        return _print_policy(asking, migrate=given["migrate"])
    if asking.engine:
        return _ask_engine(asking, given)
    if not asking.bucket:
        raise ConfigError("--bucket: expected an account's bucket, or --endpoint with a server on this machine")
    if given["migrate"]:
        return _migrate(asking, given)
    return _clean(asking, given) if given["clean"] else _ask_account(asking, given)


def _print_policy(asking: Asking, *, migrate: bool) -> int:
    """The policy of the asking; with `migrate` also those of the roles that the migrations act as."""
    from runbook_lib.conformance.account.policy import asking_policy

    policy = asking_policy("111122223333", asking.regions, asking.bucket or "BUCKET")
    if migrate:
        from runbook_lib.headless.small_migration import migrating_policies

        policy = {"conformance": {"asking": policy}, **migrating_policies(asking, "111122223333")}
    click.echo(json.dumps(policy, indent=2))
    return 0


def _ask_engine(asking: Asking, given: dict[str, Any]) -> int:
    from runbook_lib.conformance.account.asking import ask_subject, new_id

    clients = asking.clients(asking_id := new_id())
    return _conclude(ask_subject(asking, clients, say), given["out"], asking_id)


def _ask_account(asking: Asking, given: dict[str, Any]) -> int:
    from runbook_lib.conformance.account.asking import ask_subject, new_id

    clients = asking.clients(asking_id := new_id())
    estimate = asking.estimate()
    say(f"{len(asking.questions())} questions, as {clients.names.stem}* in {' and '.join(asking.regions)}, "
         f"objects under {asking.bucket}/{clients.names.folder}")  # fmt: skip
    say(f"estimated at most {estimate.dollars:.2f} USD (prices of {estimate.priced}) and {estimate.minutes:.0f} "
         f"minutes; limits {asking.limit:.2f} USD and {asking.minutes:g} minutes of asking")  # fmt: skip
    who = _if_allowed(asking, clients, estimate, given, "ask")
    if who is None:
        return 0
    report = ask_subject(asking, clients, say, who)
    return _conclude(report, given["out"], asking_id)


def _migrate(asking: Asking, given: dict[str, Any]) -> int:
    """Migrate small tables from one region to the other; 1 unless each run passes."""
    from runbook_lib.conformance.account.asking import new_id
    from runbook_lib.conformance.account.budget import migrations_estimate
    from runbook_lib.headless.small_migration import SmallMigrations, strategies_of
    from runbook_lib.paths import reports_root
    from runbook_lib.run.verdicts import PASS

    clients = asking.clients(new_id())
    estimate = migrations_estimate(asking.region, long=asking.long)
    say(f"migrates {clients.names.stem}from-* in {asking.region} to {clients.names.stem}into-* in "
         f"{asking.other_region}, objects under {asking.bucket}/{clients.names.folder}")  # fmt: skip
    say(f"estimated at most {estimate.dollars:.2f} USD (prices of {estimate.priced}) and {estimate.minutes:.0f} "
         f"minutes; limits {asking.limit:.2f} USD and {asking.minutes:g} minutes of migrating")  # fmt: skip
    if _if_allowed(asking, clients, estimate, given, "migrate") is None:
        return 0
    records = SmallMigrations(asking, clients, say).run()
    for record in records:
        say(f"{record.verdict}: {reports_root() / record.run_id / 'report.html'}")
    for strategy in strategies_of(asking)[len(records) :]:
        say(f"not migrated by {strategy}")
    return 0 if [record.verdict for record in records] == [PASS] * len(strategies_of(asking)) else 1


def _if_allowed(
    asking: Asking, clients: OwnClients, estimate: AskingEstimate, given: dict[str, Any], verb: str
) -> Identity | None:
    """Who asks, where the estimate is within the limit and the account is confirmed; None for a dry run."""
    for note in estimate.notes:
        say(note)
    if estimate.dollars > asking.limit:
        raise ConfigError(f"--limit: expected at least {estimate.dollars:.2f}, the estimate; nothing was made")
    who = clients.identity(asking.endpoint)
    if not given["execute"]:
        say(f"dry run: nothing was made. To {verb}, add --execute --confirm {who.account}")
        return None
    _check_confirmed(given["confirm"], who.account)
    return who


def _clean(asking: Asking, given: dict[str, Any]) -> int:
    from runbook_lib.conformance.account.asking import lines_about
    from runbook_lib.conformance.account.removal import Waiting, leftovers, remove_all

    clients = asking.clients("")
    who = clients.identity(asking.endpoint)
    if not given["execute"]:
        found = leftovers(clients)
        for name, client in found.tables:
            say(f"would remove table {name} in {client.meta.region_name}")
        for asking_id, keys in found.objects.items():
            say(f"would remove {len(keys)} objects of {asking_id}")
        for name in found.unknown:
            say(f"would leave, as nothing shows that it was made by this command: {name}")
        say(f"dry run: nothing was removed. To remove, add --execute --confirm {who.account}")
        return 0
    _check_confirmed(given["confirm"], who.account)
    removed = remove_all(clients, Waiting(say, pause=5.0 if clients.is_aws else 0.1))
    for line in lines_about(removed):
        say(line)
    return 1 if removed.left else 0


def _check_confirmed(confirm: str, account: str) -> None:
    if confirm != account:
        raise ConfigError(f"--confirm: expected {account}, the account, found {confirm or 'nothing'}; nothing was made")


def _conclude(report: AskingReport, out: Path | None, asking_id: str) -> int:
    """Write the report; 1 where an answer deviates or is missing that should be there, and where there is none."""
    from runbook_lib.conformance.answer import in_words, reason_of
    from runbook_lib.conformance.shareable import write_report
    from runbook_lib.paths import reports_root

    page = write_report(report, out or reports_root() / f"conformance-{asking_id}")
    counts = report.counts()
    say(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    for answer in report.surprises():
        say(f"{answer.question.id}: {answer.question.asks} Expected {in_words(answer.question.expected)}")
    for answer in report.unanswered():
        say(f"{answer.question.id}: not answered, though it should be: {reason_of(answer.outcome)}")
    click.echo(f"report: {page}")
    return 0 if counts["as expected"] and not report.surprises() and not report.unanswered() else 1

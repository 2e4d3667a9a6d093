"""A start that is refused leaves no trace: not a byte of a sealed or a running run, no folder of a new one."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

from runbook_lib.cli import run_cli
from runbook_lib.errors import ConfigError, GateFailed, ResumeRefused, RunbookError
from runbook_lib.preflight.step import preflight
from runbook_lib.report.step import report_run
from runbook_lib.run.admission import admit as admission
from runbook_lib.run.admission.admit import sole_runner
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import open_cleanup, open_run
from runbook_lib.run.sealed.seal import verify
from runbook_lib.sandbox.client import sandbox_client
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import ACCOUNT, World, things

HERE = f"{ACCOUNT}/us-east-2"
Refused = tuple[list[str | Path], AbstractContextManager[object]]


def traces(folder: Path) -> dict[str, str]:
    """Every file and folder below a folder, hidden ones too, and the bytes of each."""
    return {
        place.relative_to(folder).as_posix(): hashlib.sha256(place.read_bytes()).hexdigest() if place.is_file() else ""
        for place in folder.rglob("*")
    }


def whole(world: World, config: Path, run_id: str = "r1", tables: str = "") -> Path:
    """A run that was done and sealed, by the library: no kernel is needed for it."""
    run = open_run(str(config), run_id, True, tables)
    for step in (preflight, export_tables, import_tables, validate_tables, report_run):
        step(run)  # type: ignore[operator]
    run.ledger.close()
    assert world.record(run_id)["verdict"] == "PASS"
    return world.folder / "reports" / run_id


@contextmanager
def locked(place: Path) -> Iterator[None]:
    """Another process at work, for whoever asks the system."""
    lock = os.open(place, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    yield
    os.close(lock)


@contextmanager
def environment(monkeypatch: pytest.MonkeyPatch, **values: str) -> Iterator[None]:
    with monkeypatch.context() as patched:
        for name, value in values.items():
            patched.setenv(name, value)
        yield


REFUSALS: dict[str, Callable[[World, Path, Path, pytest.MonkeyPatch], Refused]] = {
    "another configuration": lambda w, c, f, m: (
        ["run", w.config(confirm_target=HERE, **{"import": {"on_non_empty": "overwrite"}}), "--run-id", "r1"],
        nullcontext(),
    ),
    "no configuration": lambda w, c, f, m: (["run", w.folder / "none.yaml", "--run-id", "r1"], nullcontext()),
    "a mistyped configuration": lambda w, c, f, m: (["run", w.config(tabels={}), "--run-id", "r1"], nullcontext()),
    "other tables": lambda w, c, f, m: (["run", c, "--run-id", "r1", "--tables", "*-a"], nullcontext()),
    "a running run": lambda w, c, f, m: (["run", c, "--run-id", "r1"], locked(f)),
    "a running run, to be reported": lambda w, c, f, m: (
        ["run", w.config(confirm_target=HERE, report={"show_keys": "full"}), "--run-id", "r1", "--only", "report"],
        locked(f),
    ),
    "a step under way": lambda w, c, f, m: (["run", c, "--run-id", "r1"], locked(f / "migration.yaml")),
    "another account": lambda w, c, f, m: (["run", c, "--run-id", "r1"], environment(m, **of_another_account(w))),
    "cleanup as another account": lambda w, c, f, m: (
        ["cleanup", c, "--run-id", "r1", *sure()],
        environment(m, **of_another_account(w)),
    ),
    "another target spelled": lambda w, c, f, m: (
        ["run", w.config(confirm_target="111122223333/us-east-1"), "--run-id", "r1", "--execute"],
        nullcontext(),
    ),
    "an endpoint that is silent": lambda w, c, f, m: (
        ["run", w.config(confirm_target=HERE, source={"endpoint_url": "http://127.0.0.1:9"}), "--run-id", "r1"],
        nullcontext(),
    ),
    "two wishes": lambda w, c, f, m: (
        ["run", c, "--run-id", "r1", "--only", "report", "--from", "import"],
        nullcontext(),
    ),
    "cleanup of another configuration": lambda w, c, f, m: (
        ["cleanup", w.config(confirm_target=HERE, export={"without_pitr": "fail"}), "--run-id", "r1", *sure()],
        nullcontext(),
    ),
    "cleanup of a running run": lambda w, c, f, m: (["cleanup", c, "--run-id", "r1", *sure()], locked(f)),
    "cleanup in a step": lambda w, c, f, m: (
        ["cleanup", c, "--run-id", "r1", *sure()],
        locked(f / "migration.yaml"),
    ),
    "cleanup with another id": lambda w, c, f, m: (
        ["cleanup", c, "--run-id", "r1", "--execute", "--confirm", "r2"],
        nullcontext(),
    ),
    "cleanup without an id": lambda w, c, f, m: (["cleanup", c, "--run-id", "r1", "--execute"], nullcontext()),
    "cleanup of no table": lambda w, c, f, m: (
        ["cleanup", c, "--run-id", "r1", "--tables", "x*", *sure()],
        nullcontext(),
    ),
    "cleanup of an unconfirmed target": lambda w, c, f, m: (
        ["cleanup", w.config(confirm_target=""), "--run-id", "r1", *sure()],
        nullcontext(),
    ),
}


def sure() -> list[str]:
    return ["--execute", "--confirm", "r1"]


def of_another_account(world: World) -> dict[str, str]:
    """Credentials of a role in another account, as STS gives them."""
    sts = sandbox_client("sts", world.endpoint, "us-east-1")
    given = sts.assume_role(RoleArn="arn:aws:iam::222233334444:role/other", RoleSessionName="other")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }


@pytest.mark.whole
def test_a_refused_start_changes_nothing_of_a_sealed_run(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As nothing changes, one run serves for all the ways to be refused."""
    monkeypatch.setattr("runbook_lib.run.admission.admit.ORPHAN_SECONDS", 0.2)
    monkeypatch.setattr("runbook_lib.run.admission.admit.RUNNER_SECONDS", 0.2)
    world.pair("a", things(3))
    world.pair("b", things(2))
    config = world.config(confirm_target=HERE)
    folder = whole(world, config)
    before = traces(world.folder / "reports")
    came: dict[str, object] = {}
    for how, refusal in REFUSALS.items():
        arguments, state = refusal(world, config, folder, monkeypatch)
        with state:
            code = run_cli([str(a) for a in arguments])
        said = capsys.readouterr().err
        if code != 2 or not said or "Traceback" in said or traces(world.folder / "reports") != before:
            came[how] = code, said, traces(world.folder / "reports").items() ^ before.items()
    assert not came
    assert verify(folder) > 3
    assert len(world.items(world.target, world.dst("a"))) == 3


@pytest.mark.chaos
def test_a_cleaned_run_refuses_to_go_on_and_keeps_its_bytes(world: World) -> None:
    world.pair("a", things(3))
    config = world.config(confirm_target=HERE)
    folder = whole(world, config)
    assert run_cli(["cleanup", str(config), "--run-id", "r1", *sure()]) == 0
    before = traces(folder)
    for arguments in ([], ["--execute"], ["--only", "import"], ["--from", "validate"]):
        assert run_cli(["run", str(config), "--run-id", "r1", *arguments]) == 2
    assert traces(folder) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["--only", "report"], ["--only", "import"], ["--from", "validate"], ["--from", "export", "--execute"],
        ["--tables", "nothing*"], ["--run-id", "../r1"],
    ],
)  # fmt: skip
def test_a_refused_first_start_leaves_no_folder(world: World, arguments: list[str]) -> None:
    world.pair("a", things(3))
    config = world.config(confirm_target=HERE)
    for named in ([], ["--run-id", "r1"]):
        assert run_cli(["run", str(config), *named, *arguments]) == 2
    assert run_cli(["cleanup", str(config), "--run-id", "r1", *sure()]) == 2
    assert not (world.folder / "reports").exists()


def test_a_folder_of_something_else_is_left_alone(world: World) -> None:
    world.pair("a", things(3))
    folder = world.folder / "reports" / "r1"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    assert run_cli(["run", str(world.config()), "--run-id", "r1"]) == 2
    assert list(traces(folder)) == ["run.json"]


def _folder_elsewhere(folder: Path) -> Path:
    moved = folder.parent.parent / "elsewhere"
    folder.rename(moved)
    folder.symlink_to(moved)
    return moved


def _second_name(folder: Path) -> Path:
    folder.rename(folder.parent / "r2")
    folder.symlink_to(folder.parent / "r2")
    return folder.parent / "r2"


def _own_file_elsewhere(folder: Path) -> Path:
    (folder.parent.parent / "notes").write_text("another's")
    (folder / "kernel.log").unlink(missing_ok=True)
    (folder / "kernel.log").symlink_to(folder.parent.parent / "notes")
    return folder


def _lists_elsewhere(folder: Path) -> Path:
    shutil.rmtree(folder / "charts")
    (folder.parent.parent / "pictures").mkdir()
    (folder / "charts").symlink_to(folder.parent.parent / "pictures")
    return folder


@pytest.mark.parametrize("link", [_folder_elsewhere, _second_name, _own_file_elsewhere, _lists_elsewhere])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_run_that_is_reached_by_a_link_is_refused_and_left_alone(world: World, link: Callable[[Path], Path]) -> None:
    """With two names it would be two runs; a page that says PASS would stay where the link leads to."""
    world.pair("a", things(3))
    config = world.config(confirm_target=HERE)
    moved = link(whole(world, config))
    before, beside = traces(moved), {p.name for p in world.folder.rglob("*")}
    for arguments in ([], ["--execute"], ["--only", "report"], ["--from", "validate"]):
        assert run_cli(["run", str(config), "--run-id", "r1", *arguments]) == 2
    assert run_cli(["cleanup", str(config), "--run-id", "r1", *sure()]) == 2
    assert (traces(moved), {p.name for p in world.folder.rglob("*")}) == (before, beside)


@pytest.mark.chaos
def test_a_damaged_ledger_is_refused_before_anything(world: World) -> None:
    world.pair("a", things(3))
    config = world.config()
    folder = whole(world, config)
    (folder / "ledger.sqlite").write_bytes(b"no database" * 500)
    before = traces(folder)
    assert run_cli(["run", str(config), "--run-id", "r1"]) == 2
    assert run_cli(["cleanup", str(config), "--run-id", "r1"]) == 2
    assert traces(folder) == before


@pytest.mark.chaos
def test_a_folder_that_cannot_be_written_to_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pair("a", things(3))
    config = world.config(confirm_target=HERE)
    folder = whole(world, config)
    before = traces(folder)
    may = os.access
    monkeypatch.setattr(os, "access", lambda place, how: not str(place).startswith(str(folder)) and may(place, how))
    assert run_cli(["run", str(config), "--run-id", "r1", "--only", "report"]) == 2
    assert run_cli(["cleanup", str(config), "--run-id", "r1", *sure()]) == 2
    assert traces(folder) == before


@pytest.mark.whole
def test_a_notebook_that_only_looks_leaves_no_trace(world: World) -> None:
    """Opening a run, and every gate that says no, by hand or by plain papermill."""
    from runbook_lib.notebook.afterwards.gates import gate_cleanup
    from runbook_lib.notebook.gates import gate_planned, gate_writes

    world.pair("a", things(3))
    config = world.config(confirm_target=HERE)
    with pytest.raises(GateFailed, match="no plan"):
        gate_planned(open_run(str(config), "r1"))
    with pytest.raises(GateFailed, match="not begun"):
        report_run(open_run(str(config), "r1"))
    with pytest.raises(ConfigError, match="no table matched"):
        preflight(open_run(str(config), "r1", tables="x*"))
    assert not (world.folder / "reports").exists()
    folder = whole(world, config)
    before = traces(folder)
    run = open_cleanup(str(config), "r1", True, "")
    with pytest.raises(ConfigError, match="confirm_cleanup"):
        gate_cleanup(run, "r2")
    run = open_run(str(world.config(confirm_target="")), "r1", True)
    with pytest.raises(ConfigError, match="confirm_target"):
        gate_writes(run)
    with pytest.raises(ResumeRefused, match="another configuration"):
        open_run(str(world.config(**{"import": {"on_non_empty": "append"}})), "r1")
    assert traces(folder) == before


@pytest.mark.whole
def test_nobody_writes_between_the_steps_of_a_runner(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a notebook that was opened before the runner began either; the runner's own kernels may."""
    world.pair("a", things(3))
    config = world.config(confirm_target=HERE)
    folder = whole(world, config)
    run = open_run(str(config), "r1")
    ledger = Ledger(folder / "ledger.sqlite")
    ledger.put("run", "runner", "its token")
    ledger.close()
    before = traces(folder)
    with locked(folder):
        with pytest.raises(GateFailed, match="is running already"):
            preflight(run)
        assert traces(folder) == before
        monkeypatch.setenv("RUNBOOK_RUNNER", "its token")
        preflight(run)
    run.ledger.close()


def test_a_run_is_begun_whole_and_by_one(world: World) -> None:
    """Two notebooks that look at the same new run: the second finds what the first has begun, or is refused."""
    world.pair("a", things(3))
    first = open_run(str(world.config()), "r1")
    second = open_run(str(world.config(**{"import": {"on_non_empty": "append"}})), "r1")
    preflight(first)
    before = traces(world.folder / "reports")
    with pytest.raises(RunbookError, match="another configuration"):
        preflight(second)
    first.ledger.close()
    assert traces(world.folder / "reports").keys() == {k for k in before if not k.endswith(("-wal", "-shm"))}
    assert [place.name for place in (world.folder / "reports").iterdir()] == ["r1"]


def test_a_choice_is_looked_at_again_before_the_first_write(world: World) -> None:
    """Two notebooks that look at the same new run, and mean other tables of it."""
    world.pair("a", things(3))
    world.pair("b", things(3))
    config = str(world.config())
    first, second = open_run(config, "r1", tables="*-a"), open_run(config, "r1", tables="*-b")
    preflight(first)
    first.ledger.close()
    with pytest.raises(ResumeRefused, match="was started for the tables"):
        preflight(second)
    (world.folder / "reports" / "r1" / "migration.yaml").unlink()
    assert run_cli(["run", config, "--run-id", "r1"]) == 2


@pytest.mark.chaos
def test_settings_of_a_later_start_stand_beside_those_of_the_first(world: World) -> None:
    world.pair("a", things(3))
    config = world.config(confirm_target=HERE)
    folder = whole(world, config)
    kept = (folder / "migration.yaml").read_bytes()
    other = world.config(confirm_target=HERE, validate={"max_rcu": 900})
    for changed in (other, other, config):
        run = open_run(str(changed), "r1")
        report_run(run).to_json()
        run.ledger.close()
    assert (folder / "migration.yaml").read_bytes() == kept
    assert [f.name for f in sorted(folder.glob("*.yaml"))] == ["migration-2.yaml", "migration.yaml"]
    assert (folder / "migration-2.yaml").read_bytes() == other.read_bytes()


def test_the_log_of_a_killed_process_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "run" / "ledger.sqlite"
    file.parent.mkdir()
    script = (
        "import os, pathlib, sys; from runbook_lib.run.ledger import Ledger; l = Ledger(pathlib.Path(sys.argv[1])); "
        "l.put('run', 'what', 'known'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(file)], check=False)
    before = traces(tmp_path)
    assert "run/ledger.sqlite-wal" in before

    def refuse() -> None:
        raise GateFailed("no")

    look = Ledger(file, admit=refuse)
    assert look.get("run", "what") == "known"
    with pytest.raises(GateFailed):
        look.put("run", "what", "else")
    assert traces(tmp_path) == before
    shutil.copytree(file.parent, tmp_path / "copy")
    writer = Ledger(tmp_path / "copy" / "ledger.sqlite")
    looks = Ledger(tmp_path / "copy" / "ledger.sqlite", admit=refuse)
    for number in range(5):
        writer.put("run", "what", number)
        assert looks.get("run", "what") == number
        if number == 3:
            writer.settle()
            assert looks.get("run", "what") == number
    writer.close()
    assert looks.get("run", "what") == 4
    looks.close()


def test_of_two_runners_that_looked_at_the_same_new_run_one_has_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second finds a folder at its first write, of a run that was not there when it was admitted."""
    world.pair("a", things(3))
    config = str(world.config())
    folder = world.folder / "reports" / "r1"
    with sole_runner(folder) as one, sole_runner(folder) as other:
        first, second = open_run(config, "r1", seat=one), open_run(config, "r1", seat=other)
        first.ledger.allow()
        before = traces(folder)
        with pytest.raises(ConfigError, match="is running already"):
            second.ledger.allow()
        assert traces(folder) == before
        assert other.lock is None
        preflight(first)
        with pytest.raises(ConfigError, match="is running already"):
            preflight(second)
        first.ledger.close()
    with sole_runner(folder) as seat:  # the first has ended meanwhile: who comes later may go on
        assert seat.lock is not None


def test_a_runner_does_not_begin_beside_a_notebook_that_has_begun_its_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "ORPHAN_SECONDS", 0.1)
    world.pair("a", things(3))
    config = str(world.config())
    folder = world.folder / "reports" / "r1"
    with sole_runner(folder) as seat:
        run, by_hand = open_run(config, "r1", seat=seat), open_run(config, "r1")
        preflight(by_hand)
        by_hand.ledger.close()
        with locked(folder / "migration.yaml"), pytest.raises(ConfigError, match="worked on by another process"):
            run.ledger.allow()
        assert seat.lock is None
        run.ledger.allow()
        assert seat.lock is not None
        run.ledger.close()


@pytest.mark.parametrize(("whole_folder", "knows_its_id"), [(True, True), (False, False)])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_ledger_is_its_own_runs_and_no_copys(world: World, whole_folder: bool, knows_its_id: bool) -> None:
    """Under another id it would prove a run that wrote nothing, and its cleanup would take the first one's items."""
    world.pair("a", things(3))
    config = world.config(confirm_target=HERE)
    folder = whole(world, config)
    if not knows_its_id:  # of an older version
        ledger = Ledger(folder / "ledger.sqlite")
        ledger.forget("run", "id")
        ledger.close()
    copy = folder.with_name("r2")
    if whole_folder:
        shutil.copytree(folder, copy)
    else:
        run = open_run(str(config), "r2")
        preflight(run)
        run.ledger.close()
        shutil.copyfile(folder / "ledger.sqlite", copy / "ledger.sqlite")
    before = traces(copy), traces(folder)
    taking_back = ["--run-id", "r2", "--execute", "--confirm", "r2"]
    for command in (
        ["run", config, "--run-id", "r2", "--execute"],
        ["run", config, "--run-id", "r2", "--only", "report"],
        ["cleanup", config, *taking_back],
        ["rollback", config, *taking_back],
    ):
        assert run_cli([str(word) for word in command]) == 2, command
    with pytest.raises(ResumeRefused, match=r"expected the ledger of run r2, found that of run r1"):
        open_run(str(config), "r2")
    assert (traces(copy), traces(folder)) == before
    assert len(world.items(world.target, world.dst("a"))) == 3

"""An error in a notebook is stored with it, and never with what variables held, whatever the user's IPython does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient

from runbook_lib.errors import ConfigError
from runbook_lib.headless.execute_notebook import execute_notebook
from runbook_lib.headless.warm_kernel import WarmKernel
from runbook_lib.notebook import open_notebook, output

# The value is nowhere in the source that a traceback shows.
FAILS = "def write(line):\n    raise TypeError('an answer of another shape')\nwrite('KEY' + 'LEAK')"
OPENS = "from runbook_lib import open_run\ntry: open_run('/nowhere.yaml')\nexcept Exception: pass"
SHOWS = (
    "def shows(*_, **__):\n"
    "    import sys, traceback\n"
    "    for frame, _ in traceback.walk_tb(sys.exc_info()[2]): print(frame.f_locals)\n"
    "    return []\n"
)
PROFILES = {
    "mode of every shell": ("c.InteractiveShell.xmode = 'Verbose'", ""),
    "mode of a kernel's shell": ("c.ZMQInteractiveShell.xmode = 'Verbose'", ""),
    "a line that is executed": ("c.InteractiveShellApp.exec_lines = ['%xmode Verbose']", ""),
    "a handler of all errors": ("", f"{SHOWS}get_ipython().set_custom_exc((Exception,), shows)"),
    "a display of its own": ("", f"{SHOWS}get_ipython().showtraceback = shows"),
}


def profile(folder: Path, config: str, startup: str) -> Path:
    """A user's own IPYTHONDIR."""
    (at := folder / "ipython" / "profile_default" / "startup").mkdir(parents=True)
    (at.parent / "ipython_config.py").write_text(f"c = get_config()\n{config}\n")
    (at / "00-mine.py").write_text(startup)
    return folder / "ipython"


@pytest.fixture(params=PROFILES)
def users_own(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IPYTHONDIR", str(made := profile(tmp_path, *PROFILES[request.param])))
    return made


def by_itself(folder: Path, *cells: str) -> tuple[str | None, str]:
    """A notebook as `runbook run` executes it: why it failed, and the notebook as it is kept; its kernel has ended."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, folder / "book.ipynb")
    kernel = WarmKernel(folder, folder / "kernel.log")
    try:
        failure = execute_notebook(folder / "book.ipynb", folder / "result.ipynb", {}, kernel, lambda: True)
    finally:
        kernel.stop()
    return failure, (folder / "result.ipynb").read_text()


def by_hand(folder: Path, *cells: str) -> str:
    """A notebook as papermill, nbclient and JupyterLab execute it: in a kernel that the user's profile leads."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(book, timeout=120, allow_errors=True, resources={"metadata": {"path": str(folder)}}).execute()
    return nbformat.writes(book)


@pytest.mark.few(1)
def test_a_run_by_itself_is_not_led_by_the_users_profile(users_own: Path, tmp_path: Path) -> None:
    failure, kept = by_itself(tmp_path, FAILS)
    assert failure == "an answer of another shape"
    assert "KEYLEAK" not in kept
    assert "KEYLEAK" not in (tmp_path / "kernel.log").read_text()


@pytest.mark.few(1)
def test_a_notebook_that_opened_its_run_stores_no_values_whoever_executes_it(users_own: Path, tmp_path: Path) -> None:
    assert "KEYLEAK" in by_hand(tmp_path, FAILS), "the profile shows what variables hold"
    stored = by_hand(tmp_path, OPENS, FAILS)
    assert "an answer of another shape" in stored
    assert "KEYLEAK" not in stored


def test_what_the_users_shell_starts_with_is_not_executed_in_a_run_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is anything left behind of the folder that IPython was given instead."""
    said = f"open({str(tmp_path / 'started')!r}, 'w').close()"
    (tmp_path / "startup.py").write_text(said)
    monkeypatch.setenv("IPYTHONDIR", str(profile(tmp_path, "", said)))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "startup.py"))
    failure, kept = by_itself(tmp_path, "print(get_ipython().ipython_dir)")
    assert failure is None
    assert not (tmp_path / "started").exists()
    (printed,) = nbformat.reads(kept, as_version=4).cells[0].outputs
    assert not Path(printed.text.strip()).exists()


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> InteractiveShell:
    made = InteractiveShell()
    made.history_manager.enabled = False
    monkeypatch.setattr(output, "get_ipython", lambda: made)
    return made


SHELLS: dict[str, Callable[[InteractiveShell], object]] = {
    "verbose": lambda shell: shell.run_line_magic("xmode", "Verbose"),
    "handler": lambda shell: shell.run_cell(f"{SHOWS}get_ipython().set_custom_exc((Exception,), shows)"),
    "showtraceback": lambda shell: shell.run_cell(f"{SHOWS}get_ipython().showtraceback = shows"),
    "_showtraceback": lambda shell: shell.run_cell(f"{SHOWS}get_ipython()._showtraceback = shows"),
    "formatter": lambda shell: shell.run_cell(f"{SHOWS}get_ipython().InteractiveTB.structured_traceback = shows"),
    "debugger": lambda shell: shell.run_cell("get_ipython().call_pdb = True\nget_ipython().debugger = shows"),
}


@pytest.mark.parametrize("way", SHELLS)
def test_opening_a_run_takes_back_every_way_of_a_shell_to_show_values(
    way: str, shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.user_ns["get_ipython"] = lambda: shell
    shell.run_cell(SHOWS)
    SHELLS[way](shell)
    shell.run_cell(FAILS)
    assert "KEYLEAK" in "".join(capsys.readouterr()), "before"
    with pytest.raises(ConfigError):
        open_notebook.open_notebook_run("/nowhere.yaml")
    shell.run_cell(FAILS)
    said = "".join(capsys.readouterr())
    assert "an answer of another shape" in said
    assert "KEYLEAK" not in said

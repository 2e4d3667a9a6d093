"""Whoever reads along may go away, or never have been there: the work goes on, quietly, to its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WORK = """
import sys, click, pathlib
from runbook_lib.open_files import go_on_unheard
go_on_unheard()
for number in range(20_000):
    click.echo(f"line {number}")
    print("more", number)
    click.echo("aside", err=True)
sys.stdout.flush()
pathlib.Path(sys.argv[1]).write_text("done")
"""


def worked(shell: str, tmp_path: Path) -> tuple[int, str, bool]:
    """The exit code of a program in a shell's line, what it complained of, and whether it did its work."""
    (file := tmp_path / "work.py").write_text(WORK)
    line = shell.format(f"'{sys.executable}' '{file}' '{tmp_path / 'done'}'")
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False)
    return (
        int(ended.stdout.split()[-1] if ended.stdout.strip() else ended.returncode),
        ended.stderr,
        (tmp_path / "done").exists(),
    )


@pytest.mark.parametrize(
    "shell",
    [
        "{} 2>/dev/null | head -1 >/dev/null; exit ${{PIPESTATUS[0]}}",
        "{} 2>&1 | head -1 >/dev/null; exit ${{PIPESTATUS[0]}}",
        "{} 2>/dev/null >&-",
        "{} >/dev/null 2>&-",
        "{} >&- 2>&-",
        "{} <&- >&- 2>&-",
    ],
)
def test_work_goes_on_when_nobody_hears_of_it(shell: str, tmp_path: Path) -> None:
    code, complaint, done = worked(shell, tmp_path)
    assert (code, complaint, done) == (0, "", True)


def test_what_is_heard_is_all_of_it(tmp_path: Path) -> None:
    (file := tmp_path / "work.py").write_text(WORK)
    ended = subprocess.run([sys.executable, file, tmp_path / "done"], capture_output=True, text=True, check=True)
    assert ended.stdout.count("\n") == 40_000
    assert ended.stderr.count("aside") == 20_000


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_the_command_line_itself_ends_as_usual(closed: str) -> None:
    line = f"'{sys.executable}' -m runbook_lib --help {closed}"
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, "Traceback" in ended.stderr + ended.stdout) == (0, False)


def test_a_full_disk_is_no_reader_that_went_away(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no such device here")
    code, complaint, done = worked("{} >/dev/full", tmp_path)
    assert (code != 0, "No space left" in complaint, done) == (True, True, False)

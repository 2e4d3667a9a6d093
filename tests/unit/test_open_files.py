"""A process holds as many files open as its system allows, and one that may hold too few says so at once."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

LOOK = """
import resource, sys
soft, hard = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from runbook_lib.errors import ConfigError
from runbook_lib.open_files import make_room
try:
    make_room()
except ConfigError as error:
    print(error)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def _looked(soft: int, hard: int) -> list[str]:
    say = [sys.executable, "-c", LOOK, str(soft), str(hard)]
    return subprocess.run(say, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize(("soft", "hard", "after"), [(200, 1000, 1000), (200, 4096, 4096), (512, 20_000, 4096)])
def test_a_low_limit_is_raised_as_far_as_it_is_of_use(soft: int, hard: int, after: int) -> None:
    if hard > resource.getrlimit(resource.RLIMIT_NOFILE)[1] != resource.RLIM_INFINITY:
        pytest.skip("this machine allows less")
    assert _looked(soft, hard) == [str(after)]


def test_too_low_a_hard_limit_is_named_before_anything_is_done(tmp_path: Path) -> None:
    said, left = _looked(60, 60)
    assert (left, "found a hard limit of 60; nothing was done" in said) == ("60", True)
    settings = tmp_path / "migration.yaml"
    sides = (
        "source: {region: eu-west-1}\ntarget: {region: eu-west-2}\nstaging: {bucket: some-bucket, region: eu-west-2}"
    )
    settings.write_text(f"name: m\n{sides}\ntables: {{include: [a]}}\n")
    few = f'ulimit -n 60; exec "{sys.executable}" -m runbook_lib run "{settings}"'
    ran = subprocess.run(["bash", "-c", few], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert ran.returncode == 2
    assert "expected room for at least 256 at a time, found a hard limit of 60" in ran.stderr
    assert not (tmp_path / "reports").exists()

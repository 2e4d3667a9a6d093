"""The package as people install it: a wheel, in an environment and a folder that know nothing of the checkout."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = {
    "AWS_PROFILE": "nobody", "AWS_ACCESS_KEY_ID": "bogus", "AWS_SECRET_ACCESS_KEY": "bogus",
    "AWS_SESSION_TOKEN": "bogus", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "nowhere-1",
    "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9",
}  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built with what is installed and without a network."""
    to = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(to), str(ROOT)], check=True, capture_output=True, timeout=120)
    return next(to.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment that holds the wheel, and beside it only the packages it depends on."""
    place = tmp_path_factory.mktemp("fresh")
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, str(wheel)], check=True, capture_output=True, timeout=120)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
    # A path in a .pth file is taken without the .pth files in it: the checkout's editable install stays outside.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run(
    python: Path, *arguments: str, at: Path, prefix: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "RUNBOOK_"))}
    return subprocess.run(
        [*prefix, str(python), *arguments], cwd=at, env=settings | environment, capture_output=True, text=True,
        check=False, timeout=600,
    )  # fmt: skip


def without_network() -> tuple[str, ...]:
    """What to put before a command to run it without a network; nothing where that is not allowed."""
    tools = shutil.which("unshare") and shutil.which("ip")
    if not tools or subprocess.run(["unshare", "--net", "--map-root-user", "true"], check=False).returncode:
        return ()
    return ("unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def cpu_seconds() -> float:
    """What all processes that have ended have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.whole
def test_a_wheel_brings_notebooks_templates_data_and_types(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"runbook_lib/notebooks/{book.name}" for book in (ROOT / "notebooks").glob("*.ipynb")}
    data = [p for p in (ROOT / "runbook_lib").rglob("*") if p.suffix in (".py", ".j2", ".css", ".json", ".typed")]
    assert wanted | {p.relative_to(ROOT).as_posix() for p in data} <= inside
    assert not {name for name in inside if name.startswith(("tests/", "notebooks/", "tools/"))}


@pytest.mark.chaos
def test_the_demo_of_an_installed_package_migrates_the_fleet_in_a_hostile_environment_in_under_two_minutes(
    python: Path, tmp_path: Path
) -> None:
    """In an empty folder and, where this machine lets a test make one, a network of a loopback interface alone."""
    where = run(python, "-c", "import runbook_lib; print(runbook_lib.__file__)", at=tmp_path)
    assert Path(where.stdout.strip()).is_relative_to(python.parents[1]), where
    demo, before = ["-m", "runbook_lib", "demo", "--run-id", "d"], cpu_seconds()
    ran = run(python, *demo, at=tmp_path, prefix=without_network(), **HOSTILE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert cpu_seconds() - before < 120  # of the clock it takes less on a machine that is not shared
    record = json.loads((tmp_path / "reports" / "d" / "run.json").read_text())
    assert record["verdict"] == "PASS"
    assert record["code"]["git"] is None  # this folder is nobody's checkout
    assert record["totals"]["tables"] == 31
    assert record["totals"]["items_exported"] == record["totals"]["items_in_target"] > 11_000
    methods = [t["method"] for t in record["tables"]]
    assert (methods.count("export"), methods.count("scan")) == (19, 12)
    empty = [t for t in record["tables"] if t["items_exported"] == 0]
    assert all(t["verdict"] == "PASS" and t["items_in_target"] == 0 for t in empty)
    assert str(tmp_path / "reports" / "d" / "report.html") in ran.stdout
    assert (tmp_path / "reports" / "index.html").exists()

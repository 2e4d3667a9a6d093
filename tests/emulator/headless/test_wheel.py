"""The package as people install it: a wheel, in an environment and a folder that know nothing of the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


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


def run(python: Path, *arguments: str, at: Path) -> subprocess.CompletedProcess[str]:
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "RUNBOOK_"))}
    return subprocess.run(
        [str(python), *arguments], cwd=at, env=settings, capture_output=True, text=True, check=False, timeout=300
    )


def test_a_wheel_brings_notebooks_templates_data_and_types(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"runbook_lib/notebooks/{book.name}" for book in (ROOT / "notebooks").glob("*.ipynb")}
    data = [p for p in (ROOT / "runbook_lib").rglob("*") if p.suffix in (".py", ".j2", ".css", ".json", ".typed")]
    assert wanted | {p.relative_to(ROOT).as_posix() for p in data} <= inside
    assert not {name for name in inside if name.startswith(("tests/", "notebooks/", "tools/"))}


def test_the_demo_of_an_installed_package_passes_in_an_empty_folder(python: Path, tmp_path: Path) -> None:
    where = run(python, "-c", "import runbook_lib; print(runbook_lib.__file__)", at=tmp_path)
    assert Path(where.stdout.strip()).is_relative_to(python.parents[1]), where
    ran = run(python, "-m", "runbook_lib", "demo", "--scale", "0.002", "--run-id", "d", at=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    record = json.loads((tmp_path / "reports" / "d" / "run.json").read_text())
    assert record["verdict"] == "PASS"
    assert record["code"]["git"] is None  # this folder is nobody's checkout
    assert (tmp_path / "reports" / "index.html").exists()

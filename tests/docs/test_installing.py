"""What is installed is what was locked, by its digests, and no name is given to pip that nobody has registered."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = sorted(ROOT.glob("requirements*.lock"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TEXTS = (".md", ".py", ".yml", ".yaml", ".j2", ".ipynb", "")  # where a command may stand


def locked(lock: Path) -> dict[str, str]:
    """Each requirement of a lock, whole, by the name of its package."""
    entries = re.split(r"\n(?=[a-z0-9])", lock.read_text(encoding="utf-8"))
    return {re.split(r"[\[=]", entry)[0]: entry for entry in entries}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    return [ROOT / name for name in listed if name and Path(name).suffix in TEXTS and not name.startswith("reports/")]


def installed_by_name(text: str) -> set[str]:
    """The names of packages that a text gives to pip, without extras and versions."""
    names = set()
    for rest in re.findall(r"pip3? install ([^`|\n]+)", text):
        for word in re.split(r"[\s\"]+", rest.partition("  ")[0].partition(" && ")[0]):
            word = word.strip("',;()\\")
            if word in ("in", "or", "at", "and", "there.", "until") or word.endswith((".", ":")):
                break
            if not word or word.startswith(("-", ".", "/", "$", "{", "<", "requirements")) or word[0].isupper():
                continue
            names.add(re.split(r"[\[=<>]", word)[0])
    return names


def test_only_names_that_are_registered_and_locked_are_given_to_pip() -> None:
    known = {name for lock in LOCKS for name in locked(lock)} | {"pip", "uv"}
    wrong = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in tracked()
        if file.name != "test_installing.py" and file.exists()
        for name in installed_by_name(file.read_text(encoding="utf-8", errors="replace"))
        if name not in known
    }
    assert wrong == set()


def test_a_bare_name_is_noticed() -> None:
    assert installed_by_name("run `pip install 'dynamodb-migration-runbook[dask]'` now") == {
        "dynamodb-migration-runbook"
    }
    assert installed_by_name("pip install --no-deps runbook==1.0 other") == {"runbook", "other"}
    assert installed_by_name("`pip install '.[lab]'`, or pip install 'PATH/TO/WHEEL[lab]'") == set()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_package_has_one_version_and_its_digests(lock: Path) -> None:
    entries = locked(lock)
    assert entries
    assert [
        n for n, e in entries.items() if not re.match(r"[a-z0-9._-]+(\[[\w,]+\])?==\S+.* \\\n +--hash=sha256:", e)
    ] == []


def test_the_lock_holds_every_part() -> None:
    (main,) = [lock for lock in LOCKS if lock.name == "requirements.lock"]
    asked = [*PROJECT["project"]["dependencies"]]
    asked += [r for extra in PROJECT["project"]["optional-dependencies"].values() for r in extra]
    assert {re.split(r"[\[<>=]", r)[0].lower() for r in asked} <= set(locked(main))
    assert "--all-extras" in MAKEFILE


def test_make_installs_nothing_without_its_digest() -> None:
    installs = re.findall(r"^\t.*pip install .*$", MAKEFILE, re.MULTILINE)
    assert len(installs) == len(LOCKS) + 1
    assert all("--require-hashes --requirement requirements" in i or "--no-deps --editable ." in i for i in installs)
    made = re.findall(r"^\tuv pip compile .*$", MAKEFILE, re.MULTILINE)
    assert len(made) == len(LOCKS)
    assert all("--generate-hashes" in line and "--no-emit-index-url" in line for line in made)


def test_conda_gives_what_make_setup_gives() -> None:
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    conda = yaml.safe_load(text)
    (setup, package) = [
        shlex.split(i) for i in re.findall(r"\$\(BIN\)/python -m pip install (.*)$", MAKEFILE, re.MULTILINE)
    ]
    assert setup[-2:] == ["--requirement", "requirements.lock"]
    assert conda["dependencies"] == ["python=3.11", "pip", {"pip": [" ".join(setup[-2:])]}]
    assert f"pip install {' '.join(package[-3:])}\n" in text
    assert f"conda run -n {conda['name']} pip" in text
    assert PROJECT["project"]["requires-python"] == ">=3.11"


def test_what_is_installed_here_is_what_is_locked() -> None:
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--no-deps", "--quiet"]
    ran = subprocess.run(
        [*command, "--requirement", str(ROOT / "requirements.lock")], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_no_registry_or_machine_path_is_committed() -> None:
    for file in (*LOCKS, *(ROOT / name for name in ("pyproject.toml", "Makefile", "environment.yml"))):
        text = file.read_text(encoding="utf-8")
        assert "://" not in text
        assert not re.search(r"--(extra-)?index\b|--find-links", text)
    for file in (ROOT / "tools").rglob("package-lock.json"):
        assert "resolved" not in file.read_text(encoding="utf-8")


def test_the_package_says_what_it_runs_on_and_that_it_is_typed() -> None:
    said = PROJECT["project"]["classifiers"]
    assert {"Operating System :: POSIX :: Linux", "Operating System :: MacOS", "Typing :: Typed"} <= set(said)
    assert (ROOT / "runbook_lib" / "py.typed").exists()
    assert "Linux and macOS" in (ROOT / "docs" / "installing.md").read_text(encoding="utf-8")


def test_the_page_describes_every_extra() -> None:
    page = (ROOT / "docs" / "installing.md").read_text(encoding="utf-8")
    extras = set(PROJECT["project"]["optional-dependencies"]) - {"dev"}
    assert {e for e in extras if re.search(rf"^\| `{e}` \|.*\| [\d.]+ MB more \|$", page, re.MULTILINE)} == extras

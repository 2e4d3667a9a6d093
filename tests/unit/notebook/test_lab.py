"""JupyterLab is opened on copies: the originals stay as they are, and so does what a person made of a copy."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from runbook_lib.cli import run_cli
from runbook_lib.notebook import lab
from runbook_lib.paths import notebooks
from runbook_lib.sandbox import demo_config

BOOKS = sorted(book.name for book in notebooks().glob("*.ipynb"))


def digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.glob("*.ipynb"))}


def test_every_notebook_is_copied_with_its_cells_and_the_originals_stay(tmp_path: Path) -> None:
    before = digests(notebooks())
    said: list[str] = []
    lab.copy_notebooks(tmp_path / "notebooks" / "name", said.append)
    assert said == []
    for name in BOOKS:
        original = json.loads((notebooks() / name).read_text(encoding="utf-8"))
        copy = json.loads((tmp_path / "notebooks" / "name" / name).read_text(encoding="utf-8"))
        assert copy["cells"] == original["cells"]
        assert copy["metadata"]["runbook"].pop(lab.COPY_OF) == before[name]
        assert copy["metadata"] == original["metadata"]
    assert digests(notebooks()) == before


def test_what_a_person_changed_in_a_copy_is_there_at_the_next_start(tmp_path: Path) -> None:
    lab.copy_notebooks(tmp_path, print)
    file = tmp_path / BOOKS[0]
    book = json.loads(file.read_text(encoding="utf-8"))
    book["cells"].append({"cell_type": "markdown", "id": "mine", "metadata": {}, "source": ["what I saw"]})
    file.write_text(json.dumps(book), encoding="utf-8")
    before = digests(tmp_path)
    said: list[str] = []
    lab.copy_notebooks(tmp_path, said.append)
    assert (digests(tmp_path), said) == (before, [])


@pytest.mark.parametrize(
    "content", ['{"metadata": {"runbook": {"copy_of": "0"}}}', "{}", "[]", "not JSON", '{"metadata": null}', ""]
)
def test_a_copy_of_another_version_is_kept_beside_the_new_one(content: str, tmp_path: Path) -> None:
    file = tmp_path / BOOKS[0]
    for kept in ("00_preflight-earlier.ipynb", "00_preflight-earlier-2.ipynb"):
        file.write_text(content, encoding="utf-8")
        said: list[str] = []
        lab.copy_notebooks(tmp_path, said.append)
        assert (tmp_path / kept).read_text(encoding="utf-8") == content
        assert said == [f"{BOOKS[0]} has changed since it was copied; yours is kept as {kept}"]
        assert json.loads(file.read_text(encoding="utf-8"))["cells"]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A JupyterLab that only writes down how it was started."""
    told = tmp_path / "told.json"
    code = (
        "import json, os, pathlib; p = os.environ['JUPYTER_CONFIG_PATH'].split(os.pathsep); "
        "config = json.loads((pathlib.Path(p[-1]) / 'labconfig' / 'page_config.json').read_text()); "
        f"open({str(told)!r}, 'w').write(json.dumps(dict(os.environ) | {{'page': config}}))"
    )
    monkeypatch.setattr(lab, "lab_command", lambda root, name, browser: [sys.executable, "-c", code])
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / "reports"))
    return told


def test_the_command_opens_the_copies_of_its_migration_with_the_users_own_aws_settings(
    started: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.chdir(tmp_path)
    Path("migration.yaml").write_text(json.dumps(demo_config("http://127.0.0.1:9")), encoding="utf-8")
    assert run_cli(["lab", "migration.yaml", "--no-browser"]) == 0
    told = json.loads(started.read_text(encoding="utf-8"))
    assert told["RUNBOOK_CONFIG"] == str(tmp_path / "migration.yaml")
    assert told["RUNBOOK_REPORTS"] == str(tmp_path / "reports")
    assert told["AWS_PROFILE"] == "mine"
    assert "announcements" in str(told["page"])
    assert sorted(f.name for f in (tmp_path / "reports" / "notebooks" / "demo").iterdir()) == BOOKS


def test_a_migration_file_that_is_wrong_opens_nothing_and_copies_nothing(started: Path, tmp_path: Path) -> None:
    (tmp_path / "migration.yaml").write_text("name: x\nsauce: {}\n", encoding="utf-8")
    assert run_cli(["lab", str(tmp_path / "migration.yaml")]) == 2
    assert run_cli(["lab", str(tmp_path / "none.yaml")]) == 2
    assert not started.exists()
    assert not (tmp_path / "reports").exists()


def test_the_lab_listens_on_this_machine_only_and_begins_with_the_first_notebook(tmp_path: Path) -> None:
    command = lab.lab_command(tmp_path, "prod-to-dev", browser=False)
    assert "--ServerApp.ip=127.0.0.1" in command
    assert f"--ServerApp.root_dir={tmp_path}" in command
    assert "--LabApp.default_url=/lab/tree/notebooks/prod-to-dev/00_preflight.ipynb" in command
    assert "--no-browser" in command
    assert "--no-browser" not in lab.lab_command(tmp_path, "prod-to-dev", browser=True)
    assert ("--allow-root" in command) == (os.geteuid() == 0)

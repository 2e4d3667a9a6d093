"""The core works without the extras, and whatever needs one says which it is before anything is done."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runbook_lib.errors import ConfigError
from runbook_lib.extras import EXTRAS, how_to_install, require

ROOT = Path(__file__).resolve().parents[2]
# Python without what the extras bring, and then the program of the test.
WITHOUT = f"""
import importlib.abc, sys
LEFT_OUT = {sorted({name for names in EXTRAS.values() for name in names} | {"bokeh", "werkzeug"})!r}
class Left(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in LEFT_OUT:
            raise ModuleNotFoundError(name)
import importlib.util
known = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in LEFT_OUT else known(name, *rest)
sys.meta_path.insert(0, Left())
"""
MAY_NEED_ONE = (
    "runbook_lib.sandbox.",
    "runbook_lib.notebook.forms",
    "runbook_lib.cluster.dask",
    "runbook_lib.__main__",
)


def core(program: str, at: Path) -> subprocess.CompletedProcess[str]:
    settings = os.environ | {"RUNBOOK_REPORTS": str(at / "reports")}
    command = [sys.executable, "-c", WITHOUT + program]
    return subprocess.run(command, cwd=at, env=settings, capture_output=True, text=True, check=False, timeout=120)


def test_every_module_of_the_core_can_be_imported_without_the_extras(tmp_path: Path) -> None:
    files = [p for p in (ROOT / "runbook_lib").rglob("*.py") if p.name != "__init__.py"]
    names = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in files]
    ours = sorted(name for name in names if not name.startswith(MAY_NEED_ONE))
    assert len(ours) > 200
    ran = core(f"import importlib\nfor name in {ours!r}:\n    importlib.import_module(name)\nprint('all')", tmp_path)
    assert ran.stdout == "all\n", ran.stderr


def test_the_record_of_a_run_says_only_what_is_installed(tmp_path: Path) -> None:
    program = (
        "from importlib import metadata\nfrom runbook_lib.run import provenance\n"
        "provenance.PACKAGES = ('boto3', 'no-such-package')\nprint(provenance._packages())"
    )
    ran = core(program, tmp_path)
    assert ran.stdout.startswith("{'boto3': '"), ran.stderr
    assert "no-such-package" not in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "extra"), [(["demo"], "sandbox"), (["sandbox"], "sandbox"), (["lab", "migration.yaml"], "lab")]
)
@pytest.mark.few(2)
def test_a_command_without_its_extra_ends_with_2_and_how_to_install_it(
    arguments: list[str], extra: str, tmp_path: Path
) -> None:
    (tmp_path / "migration.yaml").write_text(
        "name: m\nsource: {region: us-east-1}\ntarget: {region: us-east-2}\n"
        "staging: {bucket: some-bucket, region: us-east-2}\ntables: {include: [a]}\n"
    )
    ran = core(f"from runbook_lib.cli import run_cli\nsys.exit(run_cli({arguments!r}))", tmp_path)
    assert ran.returncode == 2, ran.stderr
    assert f"needs the extra `{extra}`, found no" in ran.stderr
    assert f"pip install '.[{extra}]'" in ran.stderr
    assert not (tmp_path / "reports").exists()


def test_what_is_there_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for extra in EXTRAS:
        require(extra, "this test")
    monkeypatch.setitem(EXTRAS, "lab", ("json", "no_such_package_at_all"))
    with pytest.raises(ConfigError, match="this test needs the extra `lab`, found no no_such_package_at_all; pip"):
        require("lab", "this test")


def test_a_hint_never_gives_a_bare_name_to_pip() -> None:
    assert how_to_install("lab") == "pip install '.[lab]' in the checkout, or pip install 'PATH/TO/WHEEL[lab]'"

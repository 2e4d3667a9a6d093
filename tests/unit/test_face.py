"""The face of the library: few names, nothing done at import, and the same names whatever was imported before."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import runbook_lib

NAMES = [name for name in runbook_lib.__all__ if not name.startswith("_")]


def python(code: str, folder: Path) -> str:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_the_face_has_at_most_twenty_names_and_shows_no_others() -> None:
    assert len(runbook_lib.__all__) <= 20
    assert dir(runbook_lib) == sorted(runbook_lib.__all__)
    with pytest.raises(AttributeError, match="no attribute 'export_everything'"):
        runbook_lib.export_everything  # noqa: B018


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_something_to_call_that_says_what_it_does(name: str) -> None:
    found = getattr(runbook_lib, name)
    assert callable(found)
    assert inspect.getdoc(found)


def test_importing_the_library_imports_and_does_nothing_else(tmp_path: Path) -> None:
    code = (
        "import sys; before = set(sys.modules); import runbook_lib\n"
        "new = {name for name in set(sys.modules) - before if name.split('.')[0] not in sys.stdlib_module_names}\n"
        "print(sorted(new))"
    )
    assert python(code, tmp_path) == "['runbook_lib', 'runbook_lib.version']"
    assert list(tmp_path.iterdir()) == []


HEAVY = ("matplotlib", "pandas", "papermill", "nbclient", "distributed", "moto", "IPython", "ipywidgets")


def test_a_command_that_is_refused_has_not_waited_for_what_only_a_run_needs(tmp_path: Path) -> None:
    code = (
        "import sys, pkgutil, importlib, runbook_lib.commands as commands\n"
        "for found in pkgutil.walk_packages(commands.__path__, commands.__name__ + '.'):\n"
        "    importlib.import_module(found.name)\n"
        "import runbook_lib.cli, runbook_lib.headless.runner\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    assert python(code, tmp_path) == "[]"


def test_a_notebook_begins_without_what_only_its_charts_and_frames_need(tmp_path: Path) -> None:
    code = "import sys, runbook_lib.notebook.notebook_run\n"
    code += (
        "print([name for name in ('matplotlib', 'pandas', 'papermill', 'distributed', 'moto') if name in sys.modules])"
    )
    assert python(code, tmp_path) == "[]"


@pytest.mark.parametrize(
    "before",
    ["", "import runbook_lib.preflight", "import runbook_lib.preflight.step", "from runbook_lib.preflight import plan",
     "from runbook_lib import open_run", "import runbook_lib as r; r.preflight; import runbook_lib.preflight.plan"],
)  # fmt: skip
@pytest.mark.few(2)
def test_a_verb_is_not_hidden_by_the_package_of_its_name(before: str, tmp_path: Path) -> None:
    code = f"{before}\nfrom runbook_lib import preflight\nprint(preflight.__module__, preflight.__name__)"
    assert python(code, tmp_path) == "runbook_lib.preflight.step preflight"


def test_everything_of_the_face_comes_with_a_star(tmp_path: Path) -> None:
    assert python("from runbook_lib import *\nprint(open_run.__name__, preflight.__name__)", tmp_path).endswith(
        "open_notebook_run preflight"
    )

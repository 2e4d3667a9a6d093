"""What an installation may leave out: JupyterLab, the AWS emulator, Dask, notices; and how each is added."""

from __future__ import annotations

from importlib.util import find_spec

from runbook_lib.errors import ConfigError

EXTRAS = {
    "lab": ("jupyterlab", "ipywidgets", "pandas"),
    "sandbox": ("moto", "flask", "flask_cors"),
    "dask": ("distributed",),
    "sign": ("cryptography",),
    "notify": ("apprise",),
}


def how_to_install(extra: str) -> str:
    """The command that adds an extra: never by this package's bare name, which nobody has registered."""
    return f"pip install '.[{extra}]' in the checkout, or pip install 'PATH/TO/WHEEL[{extra}]'"


def is_installed(extra: str) -> bool:
    """Whether all packages of an extra are there."""
    return all(find_spec(name) is not None for name in EXTRAS[extra])


def require(extra: str, what: str) -> None:
    """Raise ConfigError unless the packages of an extra are there, which `what` needs."""
    if missing := [name for name in EXTRAS[extra] if find_spec(name) is None]:
        raise ConfigError(f"{what} needs the extra `{extra}`, found no {', '.join(missing)}; {how_to_install(extra)}")

"""Private names of other libraries: each that is used is known here and there, and its library cannot move unseen."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import botocore.session
import isal.isal_zlib
import pytest
from botocore.auth import SigV4Auth
from botocore.config import Config
from botocore.credentials import AssumeRoleProvider, ProcessProvider
from botocore.handlers import BUILTIN_HANDLERS
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from runbook_lib.aws.deadlines import Session

ROOT = Path(__file__).resolve().parents[3]
PRIVATE = re.compile(r"_[a-z]\w*")
# Who has each name: the library whose upper bound stands for it.
OWNERS = {
    "_endpoint": "botocore", "_pool_classes_by_scheme": "botocore", "_ruleset_resolver": "botocore",
    "_session": "boto3", "_credentials": "botocore", "_setup_ssl_cert": "botocore", "_proxy_config": "botocore",
    "_fetcher": "botocore", "_role_fetcher": "botocore", "_popen": "botocore",
    "_profile_provider_builder": "botocore", "_create_process_provider": "botocore",
    "_get_connection_manager": "botocore", "_verify": "botocore", "_sign": "botocore",
    "_get_conn": "urllib3", "_put_conn": "urllib3", "_new_conn": "urllib3", "_validate_conn": "urllib3",
    "_GzipReader": "isal",
}  # fmt: skip
OURS = {"_staging", "_raw", "_as_side", "_granted", "_config", "_pace"}  # the library's, one module away


def foreign(text: str) -> Iterator[str]:
    """The private names that a module takes of something that is not its own class's `self` or `cls`."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            owner = node.value
            own = isinstance(owner, ast.Name) and owner.id in ("self", "cls")
            if not own:
                yield node.attr


def test_every_private_name_that_is_used_has_an_owner_here() -> None:
    files = [*(ROOT / "runbook_lib" / "aws").rglob("*.py"), *(ROOT / "runbook_lib" / "export_format").rglob("*.py")]
    used = {name for file in files for name in foreign(file.read_text(encoding="utf-8"))}
    assert used - OURS == set(OWNERS)


def test_a_private_name_is_seen() -> None:
    assert set(foreign("self._pool._get_conn()\nself._own\nx.__name__\nclient._a._b")) == {"_get_conn", "_b", "_a"}


@pytest.fixture(scope="module")
def client() -> Any:
    session = botocore.session.Session()
    session.set_credentials("a", "b")
    return session.create_client("dynamodb", region_name="us-east-1", config=Config(max_pool_connections=1))


def test_each_name_is_where_it_is_looked_for(client: Any) -> None:
    http = client._endpoint.http_session
    here = {
        "_endpoint": client, "_ruleset_resolver": client, "_pool_classes_by_scheme": http, "_setup_ssl_cert": http,
        "_proxy_config": http, "_get_connection_manager": http, "_verify": http, "_sign": SigV4Auth,
        "_get_conn": HTTPConnectionPool, "_put_conn": HTTPConnectionPool, "_new_conn": HTTPConnectionPool,
        "_validate_conn": HTTPSConnectionPool, "_GzipReader": isal.isal_zlib,
        "_credentials": botocore.session.Session(), "_session": __import__("boto3").Session(region_name="us-east-1"),
    }  # fmt: skip
    providers = botocore.session.Session().get_component("credential_provider").providers
    for name in ("_fetcher", "_role_fetcher"):
        (here[name],) = (p for p in providers if hasattr(getattr(p, name, None), "_session"))
    assume = next(p for p in providers if isinstance(p, AssumeRoleProvider))
    here["_popen"] = next(p for p in providers if isinstance(p, ProcessProvider))
    here |= {"_profile_provider_builder": assume, "_create_process_provider": assume._profile_provider_builder}
    assert set(here) == set(OWNERS)
    assert [name for name, owner in here.items() if not hasattr(owner, name)] == []
    assert set(http._pool_classes_by_scheme) == {"http", "https"}
    assert list(inspect.signature(http._get_connection_manager).parameters) == ["url", "proxy_url"]
    assert list(inspect.signature(http._setup_ssl_cert).parameters) == ["conn", "url", "verify"]
    assert list(inspect.signature(HTTPConnectionPool._get_conn).parameters) == ["self", "timeout"]
    assert list(inspect.signature(HTTPConnectionPool._put_conn).parameters) == ["self", "conn"]
    assert list(inspect.signature(SigV4Auth._sign).parameters) == ["self", "key", "msg", "hex"]


def handlers(session: Any, event: str) -> list[Any]:
    """Who is called for an event, in this order."""
    events = session.get_component("event_emitter")
    return list(events._emitter._handlers.prefix_search(events._alias_event_name(event)))


def test_a_session_of_ours_calls_whom_botocores_would_in_the_same_order() -> None:
    plain, own = botocore.session.Session(), Session()
    events = {spec[0] for spec in BUILTIN_HANDLERS}
    assert len(events) > 100
    for event in events:
        assert handlers(own, event) == handlers(plain, event) != [], event


def test_what_is_unregistered_in_one_session_of_ours_stays_in_the_others() -> None:
    one, (event, handler) = Session(), BUILTIN_HANDLERS[0][:2]
    one.get_component("event_emitter").unregister(event, handler)
    assert handler not in handlers(one, event)
    assert handler in handlers(Session(), event)


@pytest.mark.parametrize("library", sorted(set(OWNERS.values())))
def test_its_library_has_an_upper_bound_just_above_what_was_tested(library: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (bound,) = [d for d in project["dependencies"] if re.split(r"[<>=\[]", d)[0] == library]
    found = re.fullmatch(rf"{library}>=[\d.]+,<(\d+)\.(\d+)", bound)
    assert found, f"{bound}: expected >=...,<MAJOR.MINOR"
    major, minor = map(int, metadata.version(library).split(".")[:2])
    assert (int(found[1]), int(found[2])) == (major, minor + 1), (
        f"{library} {major}.{minor} is installed: run these tests on it, look at each name above, then move the bound"
    )

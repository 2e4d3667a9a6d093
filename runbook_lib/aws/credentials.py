"""A side's credentials: from the AWS credential chain, and read from it anew when AWS says that they have expired.

botocore refreshes what it knows the end of. Keys that another program writes into a file have no end that it knows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from runbook_lib.aws.deadlines import Session
from runbook_lib.aws.endpoints import CONFIG, of_other_services
from runbook_lib.aws.error_classes import ErrorClass, codes_of
from runbook_lib.errors import CredentialsError

GRACE_SECONDS = 15.0  # for another program to put new keys where the old ones were
AGAIN_AT_ONCE = 3
EXPIRED = codes_of(ErrorClass.EXPIRED)


class Chain:
    """Credentials as botocore takes them, which can be read anew; thread-safe."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load, self._held = load, load()
        self._lock = threading.Lock()
        self._check: Callable[[Any], None] = lambda fresh: None

    @property
    def found(self) -> bool:
        return self._held is not None

    def get_frozen_credentials(self) -> Any:
        return self._held.get_frozen_credentials()

    def get_deferred_property(self, name: str) -> Callable[[], Any]:
        return lambda: getattr(self._held, name, None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_held"], name)

    def bind(self, side: str, account: str, region: str, endpoint: str | None) -> None:
        """From now on take no other credentials than those of this account, which the plan was made for."""
        self._check = partial(_check_account, side, account, region, endpoint)

    def renew(self, used: Any) -> bool:
        """Whether there are other credentials now than those that were `used`.

        Raises CredentialsError if those at hand are of another account: a table of the same name may be there.
        """
        with self._lock:
            if self._held.get_frozen_credentials() != used:
                return True  # another thread was faster
            try:
                fresh = self._load()
                if fresh is None or fresh.get_frozen_credentials() == used:
                    return False
            except (BotoCoreError, OSError):
                return False  # a file that is being written
            self._check(fresh)
            self._held = fresh
            return True

    def attach(self, events: Any) -> None:
        """Let clients that botocore signs for ask again with new credentials, where there are some."""
        events.register_first("needs-retry.*.*", self._after)

    def _after(self, response: Any, attempts: int, **_: Any) -> float | None:
        """Seconds until the next attempt, or None to leave it to botocore's own rules."""
        code = response[1].get("Error", {}).get("Code") if response is not None else None
        if code not in EXPIRED or attempts > AGAIN_AT_ONCE:
            return None
        return 0.0 if self.renew(self.get_frozen_credentials()) else None


class Expiry:
    """How long a server has said that credentials have expired; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None

    def heard(self) -> bool:
        """Note it; whether it goes on for too long."""
        now = self._clock()
        self._since = now if self._since is None else self._since
        return now - self._since > GRACE_SECONDS

    def over(self) -> None:
        self._since = None


def credentials_of(side: Any) -> Chain:
    """The credentials of a side of the migration, or of a role that they assume; raises BotoCoreError."""
    return Chain(lambda: _loaded(side))


def _check_account(side: str, account: str, region: str, endpoint: str | None, fresh: Any) -> None:
    frozen = fresh.get_frozen_credentials()
    sts = Session().create_client(
        "sts", region, endpoint_url=endpoint, config=CONFIG, aws_access_key_id=frozen.access_key,
        aws_secret_access_key=frozen.secret_key, aws_session_token=frozen.token,
    )  # fmt: skip
    try:
        found = sts.get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        found = f"none: {error}"
    finally:
        sts.close()
    if found != account:
        raise CredentialsError(
            f"{side}: the credentials expired, and the new ones of the credential chain should be of account "
            f"{account}, found {found}; nothing more is sent. Put keys of {account} there, and run again with the same "
            "run id"
        )


def _loaded(side: Any) -> Any:
    # A session of its own: what a profile asks of STS or SSO is not a call of this side. A session reads files once.
    own = Session(profile=side.profile)
    own.set_config_variable("region", side.region)
    return _assume(own, side) if side.role_arn else own.get_credentials()


def _assume(own: Session, side: Any) -> DeferredRefreshableCredentials:
    """Credentials of a role, refreshed by botocore before they expire.

    The documented way to assume a role needs a profile on disk.
    """
    base = own.get_credentials()
    if base is None:
        raise NoCredentialsError()
    endpoint = of_other_services(own, "sts", side.endpoint_url)
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=partial(own.create_client, region_name=side.region, endpoint_url=endpoint),
        source_credentials=base,
        role_arn=side.role_arn,
        extra_args={"RoleSessionName": "dynamodb-migration-runbook"},
    )
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")

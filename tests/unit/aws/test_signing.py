"""What KMS answers about keys and signatures is held to the key that was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.aws.session import signing_client
from runbook_lib.aws.session.signing_client import region_of, seal_signer
from runbook_lib.aws.signing import SigningKey, kms_bears_out, public_key, sign_line
from runbook_lib.config.model import Migration
from runbook_lib.errors import TransferError
from runbook_lib.sandbox import demo_config

ARN = "arn:aws:kms:eu-west-1:111122223333:key/mine"
OTHER = "arn:aws:kms:eu-west-1:111122223333:key/other"
KEY = SigningKey(ARN, "ECDSA_SHA_256", b"public")


class Kms:
    """Answers everything with what it was made of."""

    def __init__(self, **said: Any) -> None:
        self._said = said

    def answer(self, **_: Any) -> dict[str, Any]:
        return self._said

    sign = verify = get_public_key = answer


def migration(**sign: Any) -> Migration:
    return Migration.model_validate(demo_config("http://127.0.0.1:1", "111122223333") | {"sign": sign})


def offered(**more: Any) -> Kms:
    said = {"KeyId": ARN, "KeyUsage": "SIGN_VERIFY", "SigningAlgorithms": ["ECDSA_SHA_256"], "PublicKey": b"public"}
    return Kms(**said | more)


def test_a_key_has_the_arn_that_kms_gives_it_and_not_that_of_another_key() -> None:
    assert public_key(offered(), "alias/mine") == KEY
    assert public_key(offered(KeyId="mine"), ARN).arn == ARN  # other servers answer with ids
    assert public_key(offered(), OTHER).arn == ARN


@pytest.mark.parametrize(
    "more",
    [{"KeyUsage": "ENCRYPT_DECRYPT"}, {"SigningAlgorithms": ["RSASSA_PSS_SHA_512"]}, {"SigningAlgorithms": []}],
    ids=["usage", "algorithm", "none"],
)
def test_a_key_that_is_not_for_signing_here_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(TransferError, match="expected a key to sign with"):
        public_key(offered(**more), ARN)


def test_a_signature_by_another_key_than_a_moment_before_is_none() -> None:
    """An alias may have been given to another key in between, of which the report says nothing."""
    assert sign_line(Kms(KeyId=ARN, Signature=b"s"), "alias/mine", KEY, b"line") == b"s"
    with pytest.raises(TransferError, match="a moment before it signed, and signed as"):
        sign_line(Kms(KeyId=OTHER, Signature=b"s"), "alias/mine", KEY, b"line")


def test_kms_bears_out_what_is_valid_and_by_that_very_key() -> None:
    for said, borne_out in (
        ({"SignatureValid": True, "KeyId": ARN}, True),
        ({"SignatureValid": True, "KeyId": OTHER}, False),
        ({"SignatureValid": False, "KeyId": ARN}, False),
        ({"SignatureValid": "yes", "KeyId": ARN}, False),
        ({"KeyId": ARN}, False),
    ):
        assert kms_bears_out(Kms(**said), ARN, KEY, b"line", b"s") is borne_out


def test_the_region_is_that_of_the_key_then_of_the_section_then_of_the_target() -> None:
    assert region_of(migration(kms=ARN, region="us-west-1")) == "eu-west-1"
    assert region_of(migration(kms="alias/mine", region="us-west-1")) == "us-west-1"
    assert region_of(migration(kms="alias/mine")) == "us-east-2"


@pytest.mark.parametrize(
    ("more", "own"),
    [({}, False), ({"profile": "signer"}, True), ({"role_arn": "arn:aws:iam::111122223333:role/s"}, True)],
)
def test_who_signs_is_who_the_section_names(monkeypatch: pytest.MonkeyPatch, more: dict[str, str], own: bool) -> None:
    config, seen = migration(kms=ARN, **more), list[Any]()

    def asked(who: Any, *_: Any) -> Any:
        seen.append(who)
        raise TransferError("seen")

    monkeypatch.setattr(signing_client, "session_of", asked)
    with pytest.raises(TransferError, match="seen"):
        seal_signer(config)
    assert seen == [config.sign if own else config.target]

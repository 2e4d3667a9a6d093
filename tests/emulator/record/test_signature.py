"""The signature of a seal: by the key that was asked for, of this seal, or it is none."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from runbook_lib.aws.session.signing_client import seal_signer
from runbook_lib.cli import run_cli
from runbook_lib.config.model import load_config
from runbook_lib.errors import ConfigError, ForbiddenCall
from runbook_lib.iac.iam_policy import policies_of
from runbook_lib.record.signature import Signature, as_pem
from runbook_lib.report.publish import publish
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.sealed.seal import seal
from runbook_lib.run.unfinished import SUMS
from runbook_lib.sandbox.client import sandbox_client
from tests.support.in_process import runbook_here
from tests.support.liar import Answer, Request, between
from tests.support.sealed_run import passed_run
from tests.support.world import ACCOUNT, World, things

Verify = Callable[..., tuple[int, str]]
SPECS = ("ECC_NIST_P256", "ECC_NIST_P384", "RSA_2048")


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Verify:
    def ask(folder: Path, *more: str | Path) -> tuple[int, str]:
        code = run_cli(["verify", str(folder), *map(str, more)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return ask


def kms(world: World) -> Any:
    return sandbox_client("kms", world.endpoint, "us-east-2")


def key(world: World, spec: str = "ECC_NIST_P256", usage: str = "SIGN_VERIFY") -> str:
    """The ARN of a new key."""
    return str(kms(world).create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"])


def fingerprint(world: World, arn: str) -> str:
    return hashlib.sha256(kms(world).get_public_key(KeyId=arn)["PublicKey"]).hexdigest()


def signed(world: World, config: Path, name: str = "r") -> Path:
    """A run that passed, published with the signature that the file asks for."""
    folder = world.folder / "reports" / name
    if not folder.exists():
        shutil.copytree(passed_run(), folder)
    ledger = Ledger(folder / "ledger.sqlite")
    publish(folder, ledger, "r", "test", signature=Signature.of(load_config(config)))
    ledger.close()
    return folder


def record(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return data


@pytest.mark.parametrize("spec", SPECS)
def test_a_seal_is_signed_and_openssl_says_so_too(world: World, verify: Verify, spec: str) -> None:
    arn = key(world, spec)
    folder = signed(world, world.config(sign={"kms": arn}))
    signer = record(folder)["signer"]
    assert (signer["key"], signer["fingerprint"]) == (arn, fingerprint(world, arn))
    assert signer["by"].startswith("arn:aws:sts::") or signer["by"].startswith("arn:aws:iam::")
    code, said = verify(folder)
    assert code == 0, said
    assert f"is signed with {arn}" in said
    assert "Who holds that key is not known from this folder" in said
    for page in ("report.html", "report.md"):
        assert signer["fingerprint"] in (folder / page).read_text(encoding="utf-8"), page
    if openssl := shutil.which("openssl"):
        (folder / ".." / "sig").write_bytes(base64.b64decode((folder / f"{SUMS}.sig").read_text()))
        digest = "-sha384" if spec == "ECC_NIST_P384" else "-sha256"
        asked = [openssl, "dgst", digest, "-verify", f"{SUMS}.pub", "-signature", "../sig"]
        line = f"{hashlib.sha256((folder / SUMS).read_bytes()).hexdigest()}  {SUMS}\n".encode()
        assert subprocess.run(asked, cwd=folder, input=line, capture_output=True, check=False).returncode == 0


def test_an_alias_signs_and_kms_bears_it_out_where_it_is_asked(world: World, verify: Verify) -> None:
    arn = key(world)
    kms(world).create_alias(AliasName=f"alias/{world.tag}", TargetKeyId=arn)
    config = world.config(sign={"kms": f"alias/{world.tag}"})
    folder = signed(world, config)
    assert verify(folder, "--config", config)[0] == 0
    code, said = verify(folder, "--config", config, "--kms")
    assert code == 0, said
    assert f"KMS says so too, of {arn.rpartition('/')[2]}" in said
    other = world.config(sign={"kms": key(world)})
    code, said = verify(folder, "--config", other, "--kms")
    assert code == 1
    assert "the key of sign.kms, whose fingerprint is" in said
    code, said = verify(folder, "--kms")
    assert (code, "--kms: expected --config with it" in said) == (2, True)
    code, said = verify(folder, "--config", world.config(), "--kms")
    assert (code, "expected the section sign" in said) == (2, True)


def test_kms_has_the_last_word_where_it_is_asked(world: World, verify: Verify) -> None:
    config = world.config(sign={"kms": key(world)})
    folder = signed(world, config)

    def instead(request: Request) -> Answer | None:
        if request.operation != "Verify":
            return None
        return 400, b'{"__type": "KMSInvalidSignatureException", "message": "no"}'

    with between(world.endpoint) as liar:
        liar.instead = instead
        text = config.read_text(encoding="utf-8").replace(world.endpoint, liar.endpoint)
        behind = world.folder / "behind.yaml"
        behind.write_text(text, encoding="utf-8")
        code, said = verify(folder, "--config", behind, "--kms")
    assert code == 1
    assert "KMS says that SHA256SUMS.sig is no signature" in said


def test_a_fingerprint_from_elsewhere_tells_whose_key_it_is(world: World, verify: Verify) -> None:
    arn, other = key(world), key(world)
    folder = signed(world, world.config(sign={"kms": arn}))
    mine = world.folder / "theirs.pem"
    mine.write_text(as_pem(kms(world).get_public_key(KeyId=arn)["PublicKey"]))
    for known in (fingerprint(world, arn), f"sha256:{fingerprint(world, arn).upper()}", mine):
        code, said = verify(folder, "--signed-by", known)
        assert code == 0, said
        assert "which is the expected one" in said
    code, said = verify(folder, "--signed-by", fingerprint(world, other))
    assert code == 1
    assert "(--signed-by), and is by one of" in said
    code, said = verify(folder, "--signed-by", "nonsense")
    assert (code, "--signed-by: expected the fingerprint" in said) == (2, True)


def _reseal(folder: Path, world: World) -> None:
    (folder / "kernel.log").write_text("all went well\n")
    kept = {name: (folder / name).read_bytes() for name in (f"{SUMS}.sig", f"{SUMS}.pub")}
    (folder / SUMS).unlink()
    seal(folder)
    for name, content in kept.items():
        (folder / name).write_bytes(content)


def _other_key(folder: Path, world: World) -> None:
    """Sealed and signed again by somebody else."""
    arn = key(world)
    line = f"{hashlib.sha256((folder / SUMS).read_bytes()).hexdigest()}  {SUMS}\n".encode()
    made = kms(world).sign(KeyId=arn, Message=line, MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256")
    (folder / f"{SUMS}.sig").write_text(base64.b64encode(made["Signature"]).decode())
    (folder / f"{SUMS}.pub").write_text(as_pem(kms(world).get_public_key(KeyId=arn)["PublicKey"]))


def _other_public_key(folder: Path, world: World) -> None:
    (folder / f"{SUMS}.pub").write_text(as_pem(kms(world).get_public_key(KeyId=key(world))["PublicKey"]))


def _flip(folder: Path, world: World) -> None:
    raw = bytearray(base64.b64decode((folder / f"{SUMS}.sig").read_text()))
    raw[-1] ^= 1
    (folder / f"{SUMS}.sig").write_text(base64.b64encode(bytes(raw)).decode())


def _no_public_key(folder: Path, world: World) -> None:
    (folder / f"{SUMS}.pub").unlink()


def _no_pem(folder: Path, world: World) -> None:
    (folder / f"{SUMS}.pub").write_text("trust me")


def _no_base64(folder: Path, world: World) -> None:
    (folder / f"{SUMS}.sig").write_text("\u00fc")


def _no_signature(folder: Path, world: World) -> None:
    (folder / f"{SUMS}.sig").unlink()


def _more_than_base64(folder: Path, world: World) -> None:
    file = folder / f"{SUMS}.sig"
    file.write_text("!" + file.read_text())


def _no_key(folder: Path, world: World) -> None:
    (folder / f"{SUMS}.pub").write_text(as_pem(b"\x30\x03\x02\x01\x05"))


def _key_of_another_kind(folder: Path, world: World) -> None:
    """Whose signature is right, and of a kind that is not used here."""
    line = f"{hashlib.sha256((folder / SUMS).read_bytes()).hexdigest()}  {SUMS}\n".encode()
    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{SUMS}.sig").write_text(base64.b64encode(private.sign(line)).decode())
    (folder / f"{SUMS}.pub").write_text(as_pem(public))


def _of_another_run(folder: Path, world: World) -> None:
    other = folder.parent / "other"
    for name in (f"{SUMS}.sig", f"{SUMS}.pub"):
        shutil.copy(other / name, folder / name)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_reseal, "is no signature of SHA256SUMS by the key"),
        (_other_key, "and run.json says that"),
        (_other_public_key, "is no signature of SHA256SUMS by the key"),
        (_flip, "is no signature of SHA256SUMS by the key"),
        (_no_public_key, "one is missing; neither says anything alone"),
        (_no_pem, "should hold a public key in PEM"),
        (_no_base64, "should be base64"),
        (_no_signature, "one is missing; neither says anything alone"),
        (_more_than_base64, "should be base64"),
        (_no_key, "is no signature of SHA256SUMS by the key"),
        (_key_of_another_kind, "is no signature of SHA256SUMS by the key"),
        (_of_another_run, "is no signature of SHA256SUMS by the key"),
    ],
)
@pytest.mark.few(4)
def test_whatever_is_exchanged_is_found(
    world: World, verify: Verify, change: Callable[[Path, World], None], says: str
) -> None:
    config = world.config(sign={"kms": key(world)})
    folder = signed(world, config)
    signed(world, config, "other")
    assert verify(folder)[0] == 0
    change(folder, world)
    code, said = verify(folder)
    assert code == 1, said
    assert says in said


@pytest.mark.parametrize("asked", ["another key", "no key", "a key that could not sign"])
def test_what_the_run_did_not_ask_the_expected_key_for_is_not_what_the_file_asks_for(
    world: World, verify: Verify, asked: str
) -> None:
    """Made and signed by somebody with a key of his own, and with nothing to hold it to but the file."""
    arn, other = key(world), key(world)
    mine = world.config(sign={"kms": arn})
    theirs = {"another key": {"sign": {"kms": other}}, "no key": {}}.get(asked, {"sign": {"kms": "alias/absent"}})
    folder = signed(world, world.config(**theirs))
    if asked != "another key":
        _other_key(folder, world)
    code, said = verify(folder, "--config", mine)
    assert code == 1, said
    assert "run.json" in said
    if asked == "no key":
        assert "found" not in said
        assert verify(folder)[0] == 0  # nobody said that it should be signed by somebody
    if asked == "a key that could not sign":
        assert verify(folder)[0] == 1  # the run says that it has no signature


@pytest.mark.parametrize("how", ["copied", "a link"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_run_under_the_name_of_another_is_refused_unless_it_is_asked_for(
    world: World, verify: Verify, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A signed PASS of something else, in place of the run that is asked for."""
    config = world.config(sign={"kms": key(world)})
    made, folder = signed(world, config), world.folder / "reports" / "production"
    shutil.copytree(made, folder) if how == "copied" else folder.symlink_to(made)
    for more in ([], ["--config", config, "--kms"], ["--run-id", "production"]):
        code, said = verify(folder, *more)
        assert code == 1, said
        assert "as they were sealed" not in said
        asked = "as --run-id says" if "--run-id" in more else "as the folder is called"
        assert f"expected the run production, {asked}, found the run r of the migration test, copied or" in said
        assert "call the folder that, or say --run-id r" in said
    code, said = verify(folder, "--config", config, "--kms", "--run-id", "r")
    assert code == 0, said
    assert "They are those of the run r of the migration test" in said
    assert "The anchor was not looked at: the migration file asks for none (report.anchor)" in said
    monkeypatch.chdir(made)
    assert verify(Path())[0] == 0  # the folder is called as its run, however it is spelled
    code, said = verify(Path(), "--run-id", "production")
    assert (code, "found the run r" in said) == (1, True), said


def test_a_folder_does_not_say_itself_by_which_key_it_is_signed(world: World, verify: Verify) -> None:
    config = world.config(sign={"kms": key(world)})
    folder = signed(world, config)
    shutil.copy(config, folder / "migration.yaml")
    code, said = verify(folder, "--config", folder / "migration.yaml")
    assert (code, "in the folder that is verified" in said) == (2, True)


def test_a_seal_that_nobody_could_be_asked_to_sign_says_why(
    world: World, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_: Any) -> Any:
        raise ConfigError("no credentials at all")

    monkeypatch.setattr("runbook_lib.record.signature.seal_signer", nobody)
    folder = signed(world, world.config(sign={"kms": key(world)}))
    assert record(folder)["verdict"] == "PASS"
    assert "no credentials at all" in json.loads((folder / f"{SUMS}.signed").read_text())["why"]
    assert "no credentials at all" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_signature_that_was_taken_away_is_missed_by_who_expects_one(world: World, verify: Verify) -> None:
    arn = key(world)
    config = world.config(sign={"kms": arn})
    folder = signed(world, config)
    for name in ("sig", "pub", "signed"):
        (folder / f"{SUMS}.{name}").unlink()
    code, said = verify(folder)
    assert code == 0
    assert f"SHA256SUMS is not signed, although the migration file asked for a signature by {arn}" in said
    for more in (("--config", config), ("--config", config, "--kms"), ("--signed-by", fingerprint(world, arn))):
        code, said = verify(folder, *more)
        assert (code, "is not signed, and it should be" in said) == (1, True)


@pytest.mark.parametrize("spec", ["absent", "RSA_2048"])
def test_a_key_that_cannot_sign_leaves_the_verdict_and_says_why(world: World, verify: Verify, spec: str) -> None:
    arn = key(world, spec, "ENCRYPT_DECRYPT") if spec != "absent" else "alias/absent"
    folder = signed(world, world.config(sign={"kms": arn}))
    assert record(folder)["verdict"] == "PASS"
    assert record(folder)["signer"]["fingerprint"] is None
    assert not (folder / f"{SUMS}.sig").exists()
    assert f"asks for a signature by {arn}, and this seal has none" in (folder / "report.html").read_text()
    code, said = verify(folder)
    assert code == 0
    assert "SHA256SUMS is not signed, although" in said


def test_a_key_that_may_not_sign_says_so_beside_the_seal(world: World, verify: Verify) -> None:
    config = world.config(sign={"kms": key(world)})
    with between(world.endpoint) as liar:
        liar.instead = lambda request: (
            (400, b'{"__type": "AccessDeniedException", "message": "no"}') if request.operation == "Sign" else None
        )
        behind = world.folder / "behind.yaml"
        behind.write_text(config.read_text().replace(world.endpoint, liar.endpoint), encoding="utf-8")
        folder = signed(world, behind)
    said = json.loads((folder / f"{SUMS}.signed").read_text())
    assert (said["state"], "AccessDenied" in said["why"]) == ("not signed", True)
    code, text = verify(folder, "--config", config)
    assert (code, "did not sign" in text) == (1, True)


def test_the_client_signs_seals_with_the_one_key_and_nothing_else(world: World) -> None:
    arn, other = key(world), key(world)
    client = seal_signer(load_config(world.config(sign={"kms": arn}))).kms
    said = {"Message": b"0" * 64 + b"  SHA256SUMS\n", "MessageType": "RAW", "SigningAlgorithm": "ECDSA_SHA_256"}
    client.sign(KeyId=arn, **said)
    for call in (
        lambda: client.sign(KeyId=other, **said),
        lambda: client.sign(KeyId=arn, **said | {"Message": b"I owe you a thousand"}),
        lambda: client.sign(KeyId=arn, **said | {"MessageType": "DIGEST"}),
        lambda: client.sign(KeyId=arn, **said | {"SigningAlgorithm": "RSASSA_PSS_SHA_256"}),
        lambda: client.sign(KeyId=arn, **said, GrantTokens=["x"]),
        lambda: client.get_public_key(KeyId=other),
        lambda: client.schedule_key_deletion(KeyId=arn),
        lambda: client.create_key(),
    ):
        with pytest.raises(ForbiddenCall):
            call()


def test_the_policy_of_who_signs_names_the_key(world: World) -> None:
    world.pair("a", things(1))
    arn = f"arn:aws:kms:us-east-2:{ACCOUNT}:key/1234"
    any_key = f"arn:aws:kms:us-east-2:{ACCOUNT}:key/*"
    for sign, role, resource in (
        ({"kms": arn}, "target", arn),
        (
            {"kms": "alias/seals", "role_arn": f"arn:aws:iam::{ACCOUNT}:role/signer"},
            "signer",
            any_key,
        ),
    ):
        made = json.loads(policies_of(world.config(sign=sign)))
        (statement,) = [s for s in made[role]["Statement"] if s["Sid"] == "SignSeals"]
        assert (statement["Action"], statement["Resource"]) == (["kms:GetPublicKey", "kms:Sign"], [resource])


@pytest.mark.chaos
def test_a_whole_run_says_at_its_end_who_signed(world: World) -> None:
    world.pair("a", things(5))
    arn = key(world)
    config = world.config(sign={"kms": arn})
    ran = runbook_here("run", config, "--run-id", "r", "--execute")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"signature: SHA256SUMS is signed with {arn}" in ran.stdout
    folder = world.folder / "reports" / "r"
    assert runbook_here("verify", folder, "--config", config, "--kms").returncode == 0
    unsigned = runbook_here("run", world.config(), "--run-id", "r", "--only", "report")
    assert unsigned.returncode == 0, unsigned.stderr
    assert not (folder / f"{SUMS}.sig").exists()  # another seal, which nobody was asked to sign
    assert record(folder)["signer"] is None

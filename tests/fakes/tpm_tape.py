"""What a TPM answered once, to be answered again where there is none.

`python -m tests.fakes.tpm_tape` records the scenes with a TPM in software and writes the tape. A
scene runs alike on tape and on a TPM: its commands are the same bytes every time.
"""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from attestation.simulated.snp.guest import SimulatedGuest
from attestation.tpm.client import Tpm
from attestation.tpm.codes import TpmError
from attestation.tpm.constants import ALG_SHA256
from attestation.tpm.credential import make_credential
from attestation.tpm.enrolment import attestation_key, find_endorsement, open_credential
from attestation.tpm.pcr import PcrSelection
from attestation.tpm.quoting import take_quote
from attestation.tpm.templates import AK_ECC, AK_RSA, EK_ECC, EK_RSA, ENDORSEMENT
from attestation.tpm.transport import Transport, open_transport
from attestation.tpm_attester import AzureAttester, TpmAttester
from tests.fakes.silicon import MEASUREMENT, fixed_salt_signer_of, make_silicon
from tests.fakes.swtpm import AZURE_AK, AZURE_INDEX, SIMULATED_MAKER, Maker, swtpm

TAPE = Path(__file__).with_name("tpm_tape.json")
REPORT_DATA = bytes(range(64))
OpenTransport = Callable[[], Transport]
Facts = dict[str, bytes]


@dataclass
class Recorder:
    """Passes commands on and keeps both sides."""

    inner: Transport
    exchanges: list[tuple[bytes, bytes]]

    def transmit(self, command: bytes) -> bytes:
        answer = self.inner.transmit(command)
        self.exchanges.append((command, answer))
        return answer

    def close(self) -> None:
        self.inner.close()


@dataclass
class Player:
    """Answers the recorded commands in their order, and no others. `change` spoils answers."""

    exchanges: list[tuple[bytes, bytes]]
    change: Callable[[int, bytes], bytes] | None = None
    played: int = 0

    def transmit(self, command: bytes) -> bytes:
        expected, answer = self.exchanges[self.played]
        if self.change is not None and command != expected:
            # What follows a spoilt answer, such as tidying up, was never recorded.
            raise TpmError("off the tape")
        assert command == expected
        self.played += 1
        return self.change(self.played - 1, answer) if self.change else answer

    def close(self) -> None:
        """A tape stays open."""


@dataclass(frozen=True)
class Tape:
    """One scene: what was said, and what a maker of credentials chose by chance."""

    exchanges: list[tuple[bytes, bytes]]
    facts: Facts

    def player(self, change: Callable[[int, bytes], bytes] | None = None) -> Player:
        return Player(self.exchanges, change)


def tapes() -> dict[str, Tape]:
    """Every scene by its name."""
    document = json.loads(TAPE.read_text(encoding="utf-8"))
    return {
        name: Tape(
            [(bytes.fromhex(sent), bytes.fromhex(answer)) for sent, answer in one["exchanges"]],
            {fact: bytes.fromhex(value) for fact, value in one["facts"].items()},
        )
        for name, one in document.items()
    }


def registers(opened: OpenTransport, facts: Facts) -> Any:
    """Banks, values, an extension."""
    with Tpm(opened()) as tpm:
        with pytest.raises(TpmError) as started:
            tpm.startup()
        banks = tpm.pcr_banks()
        before = tpm.pcr_read(PcrSelection(ALG_SHA256, tuple(range(24))))
        tpm.pcr_extend(16, b"m" * 32)
        after = tpm.pcr_read(PcrSelection(ALG_SHA256, (16,)))
    return SimpleNamespace(started=started.value, banks=banks, before=before, after=after)


def storage(opened: OpenTransport, facts: Facts) -> Any:
    """NV indices and persistent keys."""
    with Tpm(opened()) as tpm:
        with pytest.raises(TpmError) as absent:
            tpm.nv_read(0x01C0_0099)
        stored = tpm.nv_read(AZURE_INDEX)
        persistent = tpm.read_public(AZURE_AK)
        with pytest.raises(TpmError) as no_key:
            tpm.read_public(0x8100_0099)
    return SimpleNamespace(
        absent=absent.value, stored=stored, persistent=persistent, no_key=no_key.value
    )


def _activation(ek_template: bytes, ak_template: bytes) -> Callable[[OpenTransport, Facts], Any]:
    def scene(opened: OpenTransport, facts: Facts) -> Any:
        with Tpm(opened()) as tpm:
            ek = tpm.create_primary(ENDORSEMENT, ek_template)
            ak = tpm.create_primary(ENDORSEMENT, ak_template)
            if "blob" not in facts:
                facts["secret"] = secrets.token_bytes(32)
                made = make_credential(
                    ek.public.key, ak.public.name, facts["secret"], entropy=secrets.token_bytes
                )
                facts |= {"blob": made.blob, "encrypted": made.encrypted_secret}
            found = tpm.activate_credential(
                ak, ek, credential=facts["blob"], secret=facts["encrypted"]
            )
            quote = take_quote(tpm, ak, REPORT_DATA)
            with pytest.raises(TpmError) as refused:
                tpm.activate_credential(
                    ak, ek, credential=facts["blob"][:-1], secret=facts["encrypted"]
                )
            tpm.flush(ak.handle)
            tpm.flush(ek.handle)
        return SimpleNamespace(ek=ek, ak=ak, found=found, quote=quote, refused=refused.value)

    return scene


def enrolment(opened: OpenTransport, facts: Facts) -> Any:
    """The machine's side of an enrolment."""
    with Tpm(opened()) as tpm:
        endorsement = find_endorsement(tpm)
        with attestation_key(tpm) as ak:
            pass
        if "blob" not in facts:
            facts["secret"] = secrets.token_bytes(32)
            ek = tpm.create_primary(ENDORSEMENT, endorsement.template.area)
            made = make_credential(
                ek.public.key, ak.public.name, facts["secret"], entropy=secrets.token_bytes
            )
            tpm.flush(ek.handle)
            facts |= {"blob": made.blob, "encrypted": made.encrypted_secret}
            return None
        secret = open_credential(
            tpm, endorsement, credential=facts["blob"], secret=facts["encrypted"]
        )
    return SimpleNamespace(endorsement=endorsement, ak=ak, secret=secret)


def machine(opened: OpenTransport, facts: Facts) -> Any:
    """Evidence of a machine whose key has a certificate."""
    attester = TpmAttester(lambda: Tpm(opened()), b"chain", b"log")
    return attester.attest(REPORT_DATA)


def azure(opened: OpenTransport, facts: Facts) -> Any:
    """Evidence of a guest of Azure."""
    attester = AzureAttester.of(lambda: Tpm(opened()), lambda _report: facts["vek"])
    return attester.attest(REPORT_DATA)


SCENES: dict[str, Callable[[OpenTransport, Facts], Any]] = {
    "registers": registers,
    "storage": storage,
    "ecc": _activation(EK_ECC.area, AK_ECC),
    "rsa": _activation(EK_RSA.area, AK_RSA),
    "enrolment": enrolment,
    "machine": machine,
    "azure": azure,
}


def azure_guest() -> SimulatedGuest:
    """The same silicon every time, so that it vouches for what is on tape."""
    silicon = make_silicon(signers=fixed_salt_signer_of)
    return SimulatedGuest(silicon, lambda: silicon, MEASUREMENT)


def record() -> None:
    """Write the tape anew."""
    document = {}
    with tempfile.TemporaryDirectory() as folder, swtpm(Path(folder)) as made:
        Maker(SIMULATED_MAKER, datetime.now(UTC)).provision(made, EK_RSA)
        vek = made.become_azure(azure_guest())
        for name, scene in SCENES.items():
            facts: Facts = {"vek": vek} if name == "azure" else {}
            if name == "enrolment":
                # The first time it makes the credential, which is not the machine's side.
                scene(lambda: open_transport(made.path), facts)
            exchanges: list[tuple[bytes, bytes]] = []
            scene(partial(_recorder, made.path, exchanges), facts)
            document[name] = {
                "exchanges": [[sent.hex(), answer.hex()] for sent, answer in exchanges],
                "facts": {fact: value.hex() for fact, value in facts.items()},
            }
    TAPE.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _recorder(path: Path, exchanges: list[tuple[bytes, bytes]]) -> Transport:
    return Recorder(open_transport(path), exchanges)


if __name__ == "__main__":
    record()

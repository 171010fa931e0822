"""What the command line says about codes: every code it names exists, every kind has a way on."""

import pytest

from attestation.errors import EvidenceError, Refusal
from keybroker.errors import BrokerCode, BrokerError
from keybroker.protocol import ProtocolRefusal
from policies.decision import Denial
from policies.errors import PolicyRefusal
from runner.errors import RunnerCode, RunnerError
from runner.exit_codes import RunExit
from sealing.errors import SealError, SealRefusal
from sealwasm.advice import NEXT_OF_KIND, OF_CODE
from sealwasm.exit_codes import MEANING, ExitCode
from sealwasm.failure import EXIT_CODE_OF_KIND, CliError, Kind
from sealwasm.run_exits import RUN_EXIT_OF_KIND, exit_of_code
from sealwasm.session import Session
from sealwasm.translate import translate

ENUMS = (Denial, Refusal, BrokerCode, ProtocolRefusal, PolicyRefusal, RunnerCode, SealRefusal)


def test_every_code_with_advice_exists():
    known = {code.value for enum in ENUMS for code in enum}
    assert not OF_CODE.keys() - known


def test_every_kind_has_exit_codes_and_a_next_step():
    for kind in Kind:
        assert EXIT_CODE_OF_KIND[kind] in MEANING
        assert RunExit(RUN_EXIT_OF_KIND[kind])
        assert NEXT_OF_KIND[kind]
    assert set(MEANING) == set(ExitCode)


@pytest.mark.parametrize("code", RunnerCode)
def test_a_runner_code_has_the_exit_code_of_the_runners_table(code):
    assert exit_of_code(code.value) >= 128


def test_other_codes_have_no_exit_code_of_the_runner():
    assert exit_of_code("seal-not-found") is None


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (SealError(SealRefusal.NOT_FOUND, "no tag"), Kind.NOT_FOUND, 5),
        (SealError(SealRefusal.HMAC_MISMATCH, "layer"), Kind.ARTIFACT, 4),
        (EvidenceError(Refusal.DEBUG_ENABLED, "debug"), Kind.EVIDENCE, 4),
        (BrokerError(BrokerCode.STORE_IN_USE, "locked"), Kind.CONFLICT, 6),
        (BrokerError(BrokerCode.NOT_INCLUDED, "proof"), Kind.EVIDENCE, 4),
        (RunnerError(RunnerCode.RECEIPT_SIGNATURE, "bad"), Kind.EVIDENCE, 4),
        (RuntimeError("surprise"), Kind.FAULT, 1),
        (KeyError("surprise"), Kind.FAULT, 1),
    ],
)
def test_translation(error, kind, status):
    told = translate(error)
    assert told.kind is kind
    assert told.status == status
    assert "surprise" not in told.as_text(), "the text of a fault may hold anything"


def test_the_reason_of_another_package_is_shown():
    error = RunnerError(RunnerCode.EVIDENCE_REFUSED, "the broker", reason="debug-enabled")
    assert "debug-enabled" in translate(error).as_text()


def test_a_reason_that_the_detail_repeats_is_shown_once():
    error = RunnerError(
        RunnerCode.BROKER_REFUSED, "module-revoked: taken back", reason="module-revoked"
    )
    assert translate(error).why == "module-revoked: taken back"


def test_a_failure_without_next_step_gets_one(capsys):
    Session().fail(CliError(Kind.USAGE, "x", "wrong"))
    assert NEXT_OF_KIND[Kind.USAGE] in capsys.readouterr().err

"""Event logs: exact reading, replay, and that only measured data counts."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from attestation.errors import EvidenceError, Refusal
from attestation.eventlog import replay_ccel, replay_pcrs
from attestation.eventlog.events import (
    EV_EFI_VARIABLE_BOOT,
    EV_EFI_VARIABLE_DRIVER_CONFIG,
    EV_SEPARATOR,
    command_lines,
    describe,
    is_covered,
    secure_boot,
    variable_of,
)
from attestation.eventlog.log import parse_event_log
from attestation.simulated.tpm.log_writer import boot_log, event, header, u16, u32, variable
from attestation.tpm.constants import ALG_SHA256, ALG_SHA384, ALG_SHA512

EVIDENCE = Path(__file__).parents[4] / "shared" / "evidence"
CCEL = EVIDENCE / "tdx" / "go-tdx-guest-cos113.ccel_data.bin"
QUOTE = EVIDENCE / "tdx" / "go-tdx-guest-v4-cos113.quote.bin"
S384 = (ALG_SHA384,)
_ACTION = 0x80000007


def refusal(run) -> Refusal:
    with pytest.raises(EvidenceError) as caught:
        run()
    return caught.value.code


def extended(*measured: bytes, start: bytes = bytes(32), name: str = "sha256") -> bytes:
    for one in measured:
        start = hashlib.new(name, start + hashlib.new(name, one).digest()).digest()
    return start


def test_replay_gives_what_a_tpm_holds() -> None:
    log = parse_event_log(boot_log())
    registers = replay_pcrs(log, ALG_SHA256)
    assert registers.keys() == set(range(9))
    assert registers[4] == extended(bytes(4), b"the boot loader")
    assert registers[8] == extended(b"/vmlinuz quiet")


def test_real_log_gives_the_registers_of_the_real_quote() -> None:
    if not CCEL.exists():
        pytest.skip("shared evidence is not beside this checkout")
    quote = QUOTE.read_bytes()
    registers = replay_ccel(CCEL.read_bytes())
    assert registers == {one: quote[376 + 48 * one : 424 + 48 * one] for one in range(3)}


def test_ccel_counts_from_the_mrtd_and_leaves_out_what_nothing_extended() -> None:
    data = header(S384) + b"".join(event(index, 5, b"x", banks=S384) for index in (0, 1, 3, 3))
    one = extended(b"x", start=bytes(48), name="sha384")
    two = extended(b"x", b"x", start=bytes(48), name="sha384")
    assert replay_ccel(data) == {0: one, 2: two}
    assert replay_ccel(header(S384)) == {}


def test_ccel_refusals() -> None:
    beyond = header(S384) + event(5, 5, b"x", banks=S384)
    assert refusal(lambda: replay_ccel(beyond)) == "malformed"
    assert refusal(lambda: replay_ccel(boot_log())) == "alg-mismatch"


def test_unused_memory_behind_the_log() -> None:
    for padding in (b"\0" * 999, b"\xff" * 999, b""):
        assert len(parse_event_log(boot_log() + padding).events) == 12
    assert refusal(lambda: parse_event_log(boot_log() + b"\0\xff")) == "malformed"


def test_last_event_may_end_like_padding() -> None:
    data = header() + event(1, 5, b"\xff" * 9)
    assert parse_event_log(data + b"\xff" * 40).events[0].data == b"\xff" * 9


def test_startup_locality_is_where_pcr_0_starts() -> None:
    said = event(0, 3, b"StartupLocality\0\x03")
    log = parse_event_log(header() + said + event(0, 8, b"v"))
    assert replay_pcrs(log, ALG_SHA256)[0] == extended(b"v", start=bytes(31) + b"\3")
    late = header() + event(0, 8, b"v") + said
    long = header() + event(0, 3, b"StartupLocality\0\x03\x03")
    for data in (header() + said + said, late, long):
        assert refusal(lambda data=data: parse_event_log(data)) == "malformed"


def test_registers_of_a_dynamic_launch_start_at_ones() -> None:
    log = parse_event_log(header() + event(17, 5, b"x"))
    assert replay_pcrs(log, ALG_SHA256)[17] == extended(b"x", start=b"\xff" * 32)


def test_events_without_action_extend_nothing_wherever_they_are() -> None:
    log = parse_event_log(header() + event(0xFFFFFFFF, 3, b"x"))
    assert replay_pcrs(log, ALG_SHA256) == {}
    beyond = parse_event_log(header() + event(24, 5, b"x"))
    assert refusal(lambda: replay_pcrs(beyond, ALG_SHA256)) == "malformed"


GOOD = header()
EVENT = event(1, 5, b"abc")
SPEC = GOOD[32:]


def headed(spec: bytes, *, kind: int = 3, digest: bytes = bytes(20)) -> bytes:
    return u32(0, kind) + digest + u32(len(spec)) + spec


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[:31],
        GOOD[:-1],
        headed(SPEC, kind=5),
        headed(SPEC, digest=b"\1" * 20),
        headed(SPEC.replace(b"03", b"02")),
        headed(SPEC[:20]),
        headed(SPEC[:24] + u32(0) + SPEC[28:]),
        headed(SPEC[:24] + u32(9) + SPEC[28:]),
        headed(SPEC[:24] + u32(8) + SPEC[28:]),
        headed(SPEC + b"\0"),
        headed(SPEC[:28] + u16(4, 21) + SPEC[32:]),
        headed(SPEC[:28] + u16(0x99, 65) + SPEC[32:]),
        headed(SPEC[:28] + u16(11, 32) + SPEC[32:]),
        GOOD + EVENT[:7],
        GOOD + EVENT[:-1],
        GOOD + EVENT[: 12 + 22 + 34 + 2],
        GOOD + EVENT[:8] + u32(1) + EVENT[12:],
        GOOD + EVENT[:12] + u16(11) + EVENT[14:],
        GOOD + EVENT[:34] + u16(4) + EVENT[36:],
        GOOD + event(1, 5, b"") * 4097,
        GOOD + bytes(513 * 1024),
    ],
    ids=range(22),
)
def test_what_is_no_log(data: bytes) -> None:
    assert refusal(lambda: parse_event_log(data)) == "malformed"


def test_vendor_information_and_unknown_algorithms_are_read_over() -> None:
    assert parse_event_log(header(vendor=b"vendor") + EVENT).events[0].data == b"abc"
    spec = SPEC[:28] + u16(0x27, 32) + SPEC[32:]
    unknown = u32(1, 5, 2) + u16(0x27) + bytes(32) + EVENT[34:]
    assert parse_event_log(headed(spec) + unknown).algorithms == (0x27, ALG_SHA256)


def test_no_digests_of_the_bank() -> None:
    log = parse_event_log(boot_log())
    assert refusal(lambda: replay_pcrs(log, ALG_SHA512)) == "alg-mismatch"


@pytest.mark.parametrize(("value", "on"), [(b"\1", True), (b"\0", False), (b"", False)])
def test_secure_boot(value: bytes, on: bool) -> None:
    assert secure_boot(parse_event_log(boot_log(secure_boot=value)), ALG_SHA256, 7) is on


def test_secure_boot_that_was_never_measured_or_only_later() -> None:
    on = event(7, EV_EFI_VARIABLE_DRIVER_CONFIG, variable("SecureBoot", b"\1"))
    other = event(7, EV_EFI_VARIABLE_DRIVER_CONFIG, variable("PK", b"\1"))
    end = event(7, EV_SEPARATOR, bytes(4))
    elsewhere = event(6, EV_EFI_VARIABLE_DRIVER_CONFIG, variable("SecureBoot", b"\1"))
    log = parse_event_log(header() + elsewhere + other + end + on)
    assert secure_boot(log, ALG_SHA256, 7) is None
    assert secure_boot(parse_event_log(header() + elsewhere), ALG_SHA256, 7) is None


@pytest.mark.parametrize("end", [bytes(4), b"\xff" * 4, b"\1\0\0\0"])
def test_secure_boot_behind_a_separator_by_another_name(end: bytes) -> None:
    # Off at boot; then the running system extends PCR 7 and relabels what the log lists before.
    off = event(7, _ACTION, variable("SecureBoot", b"\0"))
    on = event(7, EV_EFI_VARIABLE_DRIVER_CONFIG, variable("SecureBoot", b"\1"))
    log = parse_event_log(header() + off + event(7, _ACTION, end) + on)
    assert secure_boot(log, ALG_SHA256, 7) is None


def test_secure_boot_beside_another_digest_is_a_lie() -> None:
    off = variable("SecureBoot", b"\0")
    lie = event(7, EV_EFI_VARIABLE_DRIVER_CONFIG, variable("SecureBoot", b"\1"), measured=off)
    log = parse_event_log(header() + lie)
    assert refusal(lambda: secure_boot(log, ALG_SHA256, 7)) == "event-log-mismatch"


def test_command_line_counts_only_where_it_was_measured() -> None:
    assert command_lines(parse_event_log(boot_log()), ALG_SHA256) == ("/vmlinuz quiet",)
    lie = event(8, 0xD, b"kernel_cmdline: /vmlinuz", measured=b"something else")
    assert command_lines(parse_event_log(header() + lie), ALG_SHA256) == ()


def test_descriptions() -> None:
    events = parse_event_log(boot_log()).events
    assert describe(events[1]) == ("EV_EFI_VARIABLE_DRIVER_CONFIG", "SecureBoot = 01")
    assert describe(events[2]) == ("EV_SEPARATOR", "00000000")
    assert describe(events[11])[1] == "kernel_cmdline: /vmlinuz quiet"
    (odd,) = parse_event_log(header() + event(1, 0x80000001, b"\xee")).events
    assert describe(odd) == ("EV_EFI_VARIABLE_DRIVER_CONFIG", "ee")
    (unknown,) = parse_event_log(header() + event(1, 0x70000000, b"")).events
    assert describe(unknown) == ("0x70000000", "")


@pytest.mark.parametrize(
    "data", [b"", variable("X", b"1") + b"2", variable("X", b"1").replace(b"X\0", b"\0\xd8")]
)
def test_unreadable_variables(data: bytes) -> None:
    (one,) = parse_event_log(header() + event(7, EV_EFI_VARIABLE_DRIVER_CONFIG, data)).events
    assert refusal(lambda: variable_of(one)) == "malformed"


def test_boot_variables_are_measured_whole_or_by_value() -> None:
    data = variable("Boot0001", b"value")
    whole = event(1, EV_EFI_VARIABLE_BOOT, data)
    value = event(1, EV_EFI_VARIABLE_BOOT, data, measured=b"value")
    other = event(1, EV_EFI_VARIABLE_BOOT, data, measured=b"other")
    events = parse_event_log(header() + whole + value + other).events
    assert [is_covered(one, ALG_SHA256) for one in events] == [True, True, False]
    assert not is_covered(events[0], ALG_SHA512)

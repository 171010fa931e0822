"""Arguments, environment, standard streams, clocks, randomness, waiting and the end."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from runner.ending import Ending
from runner.engine.outcome import RunInputs
from runner.limits import COARSE_CLOCK_NS, MAX_DENIALS, MAX_SUBSCRIPTIONS, RANDOM_CHUNK_BYTES
from runner.wasi.abi import Errno
from runner.wasi.denials import DenialCode, Denials
from runner.wasi.errors import GuestStopped, ProcExit, WasiError
from runner.wasi.table import FUNCTIONS
from tests.fakes.guest import BUFFER, PAGE, RESULT, TEXT, FakeGuest, FakeMemory, FakeTime
from tests.guests.policies import folder, output

REALTIME, MONOTONIC = 0, 1


def strings(guest: FakeGuest, kind: str) -> list[bytes]:
    guest.does(f"{kind}_sizes_get", RESULT, RESULT + 4)
    count, size = guest.u32(), guest.u32(RESULT + 4)
    guest.does(f"{kind}_get", TEXT, BUFFER)
    starts = [guest.u32(TEXT + 4 * index) for index in range(count)]
    raw = guest.bytes(size)
    assert raw.count(b"\0") == count
    return [raw[start - BUFFER :].split(b"\0")[0] for start in starts]


def test_arguments_follow_the_name_in_the_policy() -> None:
    guest = FakeGuest(inputs=RunInputs(args=("a b", "", "ü")), args={"allow": True})
    assert strings(guest, "args") == [b"guest", b"a b", b"", "ü".encode()]


def test_there_is_always_a_program_name() -> None:
    assert strings(FakeGuest(), "args") == [b"guest"]
    assert strings(FakeGuest(args={"literal": ["-v"]}), "args") == [b"guest", b"-v"]


def test_the_environment_is_what_the_policy_says() -> None:
    env = {"LANG": {"value": "C"}, "TOKEN": {"from": "runner"}, "EMPTY": {"value": ""}}
    guest = FakeGuest(env=env, inputs=RunInputs(env={"TOKEN": "t=1"}))
    assert sorted(strings(guest, "environ")) == [b"EMPTY=", b"LANG=C", b"TOKEN=t=1"]
    assert strings(FakeGuest(), "environ") == []


def test_standard_input_ends() -> None:
    guest = FakeGuest(stdin={"allow": True, "max-bytes": 10}, inputs=RunInputs(stdin=b"0123456789"))
    assert guest.read(0, 4) == b"0123"
    assert guest.read(0) == b"456789"
    assert guest.read(0) == b""
    assert guest.denials() == {}


def test_standard_input_that_is_not_granted_is_empty_and_noted() -> None:
    guest = FakeGuest()
    assert guest.read(0) == b""
    assert guest.denials() == {"stdin-not-granted": 1}


@pytest.mark.parametrize("fd", [1, 2])
def test_output_goes_to_its_sink_up_to_the_quota(fd: int) -> None:
    guest = FakeGuest(stdout=output(10), stderr=output(10))
    guest.write(fd, b"0123456789")
    assert b"".join(guest.out if fd == 1 else guest.err) == b"0123456789"
    with pytest.raises(GuestStopped) as stopped:
        guest.try_write(fd, b"x")
    assert stopped.value.ending is Ending.OUTPUT
    assert guest.denials() == {"output-quota": 1}


def test_what_fits_is_written_before_the_trap() -> None:
    guest = FakeGuest(stdout=output(5))
    with pytest.raises(GuestStopped):
        guest.call("fd_write", 1, *guest.iovs(guest.put("abc"), guest.put("defg", BUFFER)), RESULT)
    assert guest.out == [b"abcde"]
    assert guest.streams.stdout.written == 5


def test_a_full_output_can_answer_enospc_instead() -> None:
    guest = FakeGuest(stdout=output(5, **{"on-quota": "enospc"}))
    assert guest.try_write(1, b"abc") == (Errno.SUCCESS, 3)
    assert guest.try_write(1, b"defg") == (Errno.SUCCESS, 2)
    assert guest.try_write(1, b"x") == (Errno.NOSPC, 0)
    assert guest.try_write(1, b"") == (Errno.SUCCESS, 0)
    assert guest.out == [b"abc", b"de"]


def test_output_that_is_not_granted_stops_at_the_first_byte() -> None:
    with pytest.raises(GuestStopped):
        FakeGuest().try_write(1, b"x")


# Clocks


def clock(guest: FakeGuest, clock_id: int) -> Errno | int:
    return guest.call("clock_time_get", clock_id, 0, RESULT) or guest.u64()


def resolution(guest: FakeGuest, clock_id: int) -> Errno | int:
    return guest.call("clock_res_get", clock_id, RESULT) or guest.u64()


def test_a_denied_clock_says_so() -> None:
    guest = FakeGuest(files=[folder()])
    assert clock(guest, REALTIME) == clock(guest, MONOTONIC) == Errno.NOTCAPABLE
    assert resolution(guest, REALTIME) == Errno.NOTCAPABLE
    guest.make("file")
    assert guest.stat("file")["mtim"] == 0  # type: ignore[index]
    assert guest.denials() == {"clock-not-granted": 3}


def test_a_real_clock_is_the_hosts() -> None:
    guest = FakeGuest(clock={"kind": "real"})
    guest.time.now += 7
    assert clock(guest, REALTIME) == guest.time.now
    # The monotonic one does not show how long the host has been up.
    assert clock(guest, MONOTONIC) == 1_000_000_007
    assert resolution(guest, REALTIME) == 1


def test_a_coarse_clock_is_rounded_down() -> None:
    guest = FakeGuest(clock={"kind": "coarse"})
    guest.time.now += COARSE_CLOCK_NS - 1
    assert clock(guest, MONOTONIC) == 1_000_000_000
    assert clock(guest, REALTIME) % COARSE_CLOCK_NS == 0
    guest.time.now += 1
    assert clock(guest, MONOTONIC) == 1_000_000_000 + COARSE_CLOCK_NS
    assert resolution(guest, MONOTONIC) == COARSE_CLOCK_NS


MADE_UP = {"kind": "deterministic", "start": "2026-11-22T10:00:00Z", "step": "2ms"}


def test_a_made_up_clock_moves_by_steps_and_sleeps() -> None:
    guest = FakeGuest(clock=MADE_UP, files=[folder()])
    start = 1_795_341_600_000_000_000
    assert clock(guest, REALTIME) == start + 2_000_000
    assert clock(guest, MONOTONIC) == 1_004_000_000
    assert poll(guest, alarm(5_000_000_000)) == [(0, 0, 0)]
    # The poll looks at the clock once, then sleeps.
    assert clock(guest, REALTIME) == start + 5_008_000_000
    assert guest.time.slept == []
    guest.make("file")
    assert guest.stat("file")["mtim"] == start + 5_008_000_000  # type: ignore[index]


def test_a_made_up_clock_stops_at_the_end_of_time() -> None:
    guest = FakeGuest(clock=MADE_UP)
    for _ in range(3):
        poll(guest, alarm(2**64 - 1))
    assert clock(guest, REALTIME) == clock(guest, MONOTONIC) == 2**64 - 1


@pytest.mark.parametrize("kind", ["deny", "coarse", "real"])
@pytest.mark.parametrize(("clock_id", "expected"), [(2, "NOTSUP"), (3, "NOTSUP"), (4, "INVAL")])
def test_other_clocks_are_not_offered(kind: str, clock_id: int, expected: str) -> None:
    guest = FakeGuest(clock={"kind": kind})
    assert clock(guest, clock_id) == resolution(guest, clock_id) == Errno[expected]


# Randomness


def test_denied_randomness_says_so() -> None:
    guest = FakeGuest()
    assert guest.call("random_get", BUFFER, 8) == Errno.NOTCAPABLE
    assert guest.call("random_get", BUFFER, 0) == Errno.SUCCESS
    assert guest.denials() == {"random-not-granted": 1}


def test_real_randomness_is_the_hosts() -> None:
    guest = FakeGuest(random={"kind": "real"}, entropy=lambda size: b"r" * size)
    guest.does("random_get", BUFFER, 5)
    assert guest.bytes(6) == b"rrrrr\0"


def test_seeded_randomness_is_the_stream_of_the_specification() -> None:
    from hashlib import sha256

    guest = FakeGuest(random={"kind": "seeded", "seed": "seed"})
    key = sha256(b"sealwasm/random/v1\0seed").digest()
    expected = Cipher(ChaCha20(key, bytes(16)), None).encryptor().update(bytes(45))
    guest.does("random_get", BUFFER, 5)
    guest.does("random_get", BUFFER + 5, 40)
    assert guest.bytes(45) == expected


def test_a_long_request_for_randomness_meets_the_end_of_the_run() -> None:
    asked: list[int] = []
    guest = FakeGuest(
        random={"kind": "real"},
        entropy=lambda size: asked.append(size) or bytes(size),  # type: ignore[func-returns-value]
        time=FakeTime(stops=True),
    )
    guest.host.memory = FakeMemory(8 * PAGE)
    with pytest.raises(GuestStopped) as stopped:
        guest.call("random_get", 0, 8 * PAGE)
    assert stopped.value.ending is Ending.WALL_CLOCK
    assert asked == [RANDOM_CHUNK_BYTES]


# Waiting


def alarm(timeout: int, *, userdata: int = 0, clock_id: int = MONOTONIC, flags: int = 0) -> bytes:
    return struct.pack("<QB7xI4xQQH6x", userdata, 0, clock_id, timeout, 0, flags)


def readiness(fd: int, *, tag: int, userdata: int = 0) -> bytes:
    return struct.pack("<QB7xI28x", userdata, tag, fd)


def poll(guest: FakeGuest, *subscriptions: bytes) -> Any:
    """(userdata, errno, type) of each event, or the errno of the call."""
    at, _ = guest.put(b"".join(subscriptions), BUFFER)
    errno = guest.call("poll_oneoff", at, 32768, len(subscriptions), RESULT)
    if errno:
        return errno
    raw = guest.bytes(32 * guest.u32(), 32768)
    return [struct.unpack_from("<QHB", raw, at) for at in range(0, len(raw), 32)]


def test_sleeping_waits_for_the_first_alarm() -> None:
    guest = FakeGuest(clock={"kind": "real"})
    events = poll(
        guest, alarm(3_000_000_000, userdata=1), alarm(2_000_000_000, userdata=2),
        alarm(2_000_000_000, userdata=3),
    )  # fmt: skip
    assert events == [(2, 0, 0), (3, 0, 0)]
    assert guest.time.slept == [2.0]


@pytest.mark.parametrize(("ahead", "slept"), [(5_000_000_000, 5.0), (0, 0.0), (-5, 0.0)])
def test_alarms_can_name_a_time(ahead: int, slept: float) -> None:
    guest = FakeGuest(clock={"kind": "real"})
    when = guest.time.now + ahead
    assert poll(guest, alarm(when, clock_id=REALTIME, flags=1)) == [(0, 0, 0)]
    assert guest.time.slept == [slept]


def test_a_sleep_ends_with_the_run() -> None:
    guest = FakeGuest(clock={"kind": "real"}, time=FakeTime(stops=True))
    with pytest.raises(GuestStopped) as stopped:
        poll(guest, alarm(10**18))
    assert stopped.value.ending is Ending.WALL_CLOCK


def test_a_coarse_clock_wakes_coarsely() -> None:
    guest = FakeGuest(clock={"kind": "coarse"})
    poll(guest, alarm(1))
    assert guest.time.slept == [COARSE_CLOCK_NS / 1e9]


def test_without_a_clock_nobody_sleeps() -> None:
    guest = FakeGuest()
    with pytest.raises(WasiError):
        guest.host.clock.sleep(1)
    assert poll(guest, alarm(5, userdata=9)) == [(9, Errno.NOTCAPABLE, 0)]


def test_streams_and_files_are_ready_before_any_alarm() -> None:
    guest = FakeGuest(
        clock={"kind": "real"}, files=[folder()], stdin={"allow": True, "max-bytes": 9},
        inputs=RunInputs(stdin=b"abc"),
    )  # fmt: skip
    fd = guest.open("file", oflags=1, rights=(1 << 28) - 1)
    guest.write(fd, b"12345")
    guest.call("fd_seek", fd, 1, 0, RESULT)
    events = poll(
        guest, alarm(5), readiness(0, tag=1, userdata=1), readiness(1, tag=2, userdata=2),
        readiness(fd, tag=1, userdata=3), readiness(fd, tag=2, userdata=4),
    )  # fmt: skip
    assert events == [(1, 0, 1), (2, 0, 2), (3, 0, 1), (4, 0, 2)]
    available = [guest.u64(32768 + 32 * index + 16) for index in range(4)]
    assert available == [3, 1, 4, 1]
    assert guest.time.slept == []


def test_an_empty_stdin_is_ready_and_at_its_end() -> None:
    guest = FakeGuest()
    assert poll(guest, readiness(0, tag=1)) == [(0, 0, 1)]
    assert guest.u64(32768 + 24) == 1


@pytest.mark.parametrize(("fd", "tag"), [(99, 1), (1, 1), (0, 2), (3, 1)])
def test_what_cannot_be_read_or_written_is_an_event_with_an_error(fd: int, tag: int) -> None:
    [(_, errno, kind)] = poll(FakeGuest(files=[folder()]), readiness(fd, tag=tag))
    assert errno in {Errno.BADF, Errno.ISDIR}
    assert kind == tag


def test_odd_subscriptions() -> None:
    guest = FakeGuest(clock={"kind": "real"})
    assert poll(guest) == Errno.INVAL
    assert poll(guest, readiness(0, tag=3)) == Errno.INVAL
    assert poll(guest, alarm(1, flags=2)) == [(0, Errno.INVAL, 0)]
    assert poll(guest, alarm(1, clock_id=9)) == [(0, Errno.INVAL, 0)]
    many = guest.call("poll_oneoff", 0, 0, MAX_SUBSCRIPTIONS + 1, RESULT)
    assert many == Errno.INVAL


# The end


@pytest.mark.parametrize("code", [0, 1, 127, 128, 2**32 - 1])
def test_exit(code: int) -> None:
    with pytest.raises(ProcExit) as exited:
        FUNCTIONS["proc_exit"].call(FakeGuest().host, code)
    assert exited.value.code == code


def test_yielding_does_nothing() -> None:
    FakeGuest().does("sched_yield")


def test_denials_are_counted_and_bounded() -> None:
    denials = Denials()
    for number in range(MAX_DENIALS + 5):
        denials.note(DenialCode.PATH_OUTSIDE, f"grant {number}", "\x1b[2J" + "p" * 500)
        denials.note(DenialCode.PATH_OUTSIDE, "grant 0")
    listed = denials.list()
    assert len(listed) == MAX_DENIALS
    assert listed[0].count == MAX_DENIALS + 6
    assert listed[0].detail.startswith(r"\x1b[2Jppp")
    assert len(listed[0].detail) == 120
    assert "ppp" not in repr(listed)

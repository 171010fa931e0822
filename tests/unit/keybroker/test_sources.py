"""Who asks: the peer, or whom a proxy that the operator named says, and nobody further left."""

from __future__ import annotations

import ipaddress

import pytest

from keybroker.sources import FORWARDED, X_FORWARDED_FOR, Sources, source_of

PROXY, OTHER_PROXY, CLIENT, LIE = "10.0.0.1", "10.0.0.2", "203.0.113.7", "198.51.100.1"
PROXIES = (ipaddress.ip_network("10.0.0.0/24"), ipaddress.ip_network("2001:db8:ffff::1"))


def seen(header: str, *lines: str, peer: str = PROXY) -> str:
    named = header.title().encode()
    headers = [(b"host", b"broker"), *((named, line.encode()) for line in lines)]
    return Sources(PROXIES, header).of(peer, headers)


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
    ],
)
def test_source_of_a_host(host: str, source: str) -> None:
    assert source_of(host) == source


def test_without_proxies_no_header_counts() -> None:
    for name in (b"x-forwarded-for", b"forwarded", b"x-real-ip"):
        assert Sources().of(PROXY, [(name, b"for=1.2.3.4")]) == PROXY


@pytest.mark.parametrize("header", [X_FORWARDED_FOR, FORWARDED])
def test_a_stranger_names_nobody_else(header: str) -> None:
    assert seen(header, f"for={LIE}", peer=CLIENT) == CLIENT
    assert seen(header, LIE, peer=CLIENT) == CLIENT


@pytest.mark.parametrize(
    ("lines", "source"),
    [
        ([CLIENT], CLIENT),
        ([f"{LIE}, {CLIENT}"], CLIENT),
        ([LIE, CLIENT], CLIENT),
        ([f"{LIE},{CLIENT} , {OTHER_PROXY}"], CLIENT),
        ([f"{CLIENT}:40000"], CLIENT),
        (["2001:db8:1:2:3::4"], "2001:db8:1:2::/64"),
        (["[2001:db8:1:2:3::4]:443"], "2001:db8:1:2::/64"),
        (["::ffff:203.0.113.7"], CLIENT),
        ([f"{CLIENT}, ::ffff:10.0.0.2, 2001:db8:ffff::1"], CLIENT),
        # Not to be read, or not there: everybody behind this proxy is one source.
        ([], PROXY),
        ([""], PROXY),
        ([f"{LIE},"], PROXY),
        ([f"{LIE}, unknown"], PROXY),
        ([f"{LIE}, unknown, {OTHER_PROXY}"], OTHER_PROXY),
        ([f"{LIE}, 1.2.3.4.5"], PROXY),
        ([f"{LIE}, [::1"], PROXY),
        ([OTHER_PROXY], OTHER_PROXY),
    ],
)
def test_x_forwarded_for(lines: list[str], source: str) -> None:
    assert seen(X_FORWARDED_FOR, *lines) == source


@pytest.mark.parametrize(
    ("lines", "source"),
    [
        ([f"for={CLIENT}"], CLIENT),
        ([f"for={LIE}, for={CLIENT};proto=https;by={PROXY}"], CLIENT),
        ([f"For={LIE}", f"proto=https ; FOR={CLIENT}"], CLIENT),
        ([f'for="{CLIENT}:443"'], CLIENT),
        (['for="[2001:db8:1:2::3]:443"'], "2001:db8:1:2::/64"),
        ([f"for={CLIENT}, for={OTHER_PROXY}"], CLIENT),
        # A host that the client chose cannot make a hop of its own.
        ([f'for={CLIENT};host="a,for={LIE}"'], CLIENT),
        ([f'for={CLIENT};host="a,for={LIE};x=\\""'], CLIENT),
        ([f'x="open, for={CLIENT}'], PROXY),
        ([f"for={LIE}, proto=https"], PROXY),
        ([f"for={LIE}, for=unknown"], PROXY),
        ([f"for={LIE}, for=_hidden"], PROXY),
        ([f"{LIE}"], PROXY),
        ([f"for={LIE},"], PROXY),
        ([], PROXY),
    ],
)
def test_forwarded(lines: list[str], source: str) -> None:
    assert seen(FORWARDED, *lines) == source


def test_the_header_that_was_not_named_is_not_read() -> None:
    headers = [(b"x-forwarded-for", LIE.encode()), (b"forwarded", f"for={CLIENT}".encode())]
    assert Sources(PROXIES, FORWARDED).of(PROXY, headers) == CLIENT
    assert Sources(PROXIES, X_FORWARDED_FOR).of(PROXY, headers) == LIE

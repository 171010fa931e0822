"""Vectors of steps Q, G and F, which TDX and SGX share."""

from __future__ import annotations

from dataclasses import replace

from attestation.simulated.authority import derive_key
from attestation.simulated.intel.quote_writer import raw_signature
from attestation.simulated.sgx.guest import SimulatedSgxEnclave
from attestation.simulated.tdx.guest import SimulatedTdxGuest
from tests.fakes.silicon import MEASUREMENT, REPORT_DATA
from tests.vectors.intel_world import Case, World, flipped, poke

RESERVED_OF_QE = (20, 31, 96, 127, 160, 191, 262, 303)


def quotes(world: World) -> list[Case]:
    """Return the cases of the quote's outer form."""
    good, quote = world.pieces(), world.quote()
    signature_at = len(good.header + good.body)
    header = good.header

    def bad(name: str, why: str, code: str, data: bytes, **options: object) -> Case:
        return world.case(name, why, code, quote=data, **options)

    cases = [
        bad("empty", "Q1: inside the bytes", "malformed", b""),
        bad("short-header", "Q1: inside the bytes", "malformed", quote[:47]),
        bad("short-body", "Q1: inside the bytes", "malformed", quote[: signature_at - 1]),
        bad("no-signature", "Q1: inside the bytes", "malformed", quote[:signature_at]),
        bad("short-length", "Q1: inside the bytes", "malformed", quote[: signature_at + 3]),
        bad("short", "Q1: inside the bytes", "malformed", quote[:-1]),
        bad("version-6", "Q2: known versions", "malformed", world.quote("unknown-version")),
        bad("version-0", "Q2: known versions", "malformed", poke(quote, 0, 0)),
        bad("version-high", "Q2: known versions", "malformed", poke(quote, 1, 1)),
        bad("key-type-3", "Q3: ECDSA P-256", "alg-mismatch", world.quote("wrong-key-type")),
        bad("qe-vendor", "Q5: Intel's QE", "qe-mismatch", world.quote("wrong-qe-vendor")),
        world.good("padded", "Q8: zero bytes behind", quote=quote + bytes(70)),
        bad("trailing", "Q8: nothing behind", "trailing-data", world.quote("trailing-data")),
        bad("padded-then-one", "Q8: zeros only", "trailing-data", quote + bytes(70) + b"\1"),
    ]
    return [
        *cases,
        *_signature_data(world),
        *_reserved(world),
        *_certification(world),
        *_honest(world),
        *_header(world, header),
    ]


def _of_other_tee(world: World) -> bytes:
    """Return an authentic quote of the same vendor's machine, of the other TEE."""
    guest = SimulatedSgxEnclave if world.tee == "tdx" else SimulatedTdxGuest
    return guest(world.other_tee, MEASUREMENT).attest(REPORT_DATA).parts["quote"]


def _header(world: World, header: bytes) -> list[Case]:
    other = poke(header, 4, 0 if world.tee == "tdx" else 0x81)
    return [
        world.case(
            "other-tee",
            "Q4: of this TEE",
            "malformed",
            quote=replace(world.pieces(), header=other).build(),
        ),
        world.case(
            "quote-of-other-tee",
            "Q4: of this TEE",
            "malformed",
            quote=_of_other_tee(world),
            stage="main",
        ),
        world.case(
            "tee-type-high",
            "Q4: of this TEE",
            "malformed",
            quote=replace(world.pieces(), header=poke(header, 7, 1)).build(),
        ),
        world.good(
            "user-data",
            "G1: the header is signed with the body",
            quote=replace(world.pieces(), header=poke(header, 28, b"u" * 20)).build(),
        ),
    ]


def _honest(world: World) -> list[Case]:
    good = world.pieces()
    free = poke(good.qe_report, 32, b"\xff" * 16)
    for at, size in ((64, 32), (192, 64), (260, 2), (304, 16)):
        free = poke(free, at, b"\xff" * size)
    other_data = b"\xff" * 64
    return [
        world.good("other-svns", "Q3: whatever the SVNs", quote=_with_svns(world)),
        world.good("qe-of-intel", "Q5: Intel's QE"),
        world.good(
            "qe-other-fields",
            "Q7: other bytes are free",
            quote=replace(good, qe_report=free).build(),
        ),
        world.good(
            "qe-of-now",
            "G2: by the PCK",
            quote=replace(good, qe_report=poke(good.qe_report, 64, 0xFF)).build(),
        ),
        world.good(
            "other-request",
            "F1: this request",
            quote=world.guest().attest(other_data).parts["quote"],
            report_data=other_data,
        ),
    ]


def _with_svns(world: World) -> bytes:
    good = world.pieces()
    return replace(good, header=poke(good.header, 8, b"\xff" * 4)).build()


def _signature_data(world: World) -> list[Case]:
    good = world.pieces()
    data, inner = good.data(), good.certification()
    # Where the lengths of authentication data and of the chain lie in the certified part.
    auth_at, chain_at = 448, 448 + 2 + 32 + 2

    def bad(name: str, **changes: object) -> Case:
        quote = replace(good, **changes).build()  # type: ignore[arg-type]
        return world.case(name, "Q6: every length fits", "malformed", quote=quote)

    return [
        bad("data-longer", signature_data=data + b"\0"),
        bad("data-shorter", signature_data=data[:-1]),
        bad("data-empty", signature_data=data[:128]),
        bad("data-tiny", signature_data=b"\0"),
        bad("auth-long", certified=poke(inner, auth_at, b"\xff\xff")),
        bad("auth-shorter", certified=poke(inner, auth_at, 31)),
        bad("chain-long", certified=poke(inner, chain_at, b"\xff\xff\xff\xff")),
        bad("chain-shorter", certified=poke(inner, chain_at, inner[chain_at] - 1)),
        bad("chain-cut", certified=inner[: chain_at + 3]),
        world.good(
            "no-auth",
            "G3: this authentication data, also none",
            quote=replace(good, auth=b"").rebound().build(),
        ),
        world.good(
            "long-auth",
            "Q6: the length is taken from its field",
            quote=replace(good, auth=bytes(1000)).rebound().build(),
        ),
    ]


def _reserved(world: World) -> list[Case]:
    good = world.pieces()
    return [
        world.case(
            f"qe-reserved-{at}",
            "Q7: reserved bytes",
            "malformed",
            quote=replace(good, qe_report=poke(good.qe_report, at, 1)).build(),
        )
        for at in RESERVED_OF_QE
    ]


def _certification(world: World) -> list[Case]:
    good = world.pieces()
    with_chain = replace(
        world.collateral(), pck_certificate_chain=good.chain.rstrip(b"\0").decode("ascii")
    )
    ppid = replace(good, kind=1, chain=bytes(36))
    foreign = world.pieces("signed-by-stranger").chain.rstrip(b"\0").decode("ascii")
    other_chain = replace(with_chain, pck_certificate_chain=foreign)
    return [
        *(
            world.case(
                f"certification-{kind}",
                "Q9: known kinds",
                "malformed",
                quote=replace(good, kind=kind).build(),
            )
            for kind in (0, 6, 8)
        ),
        world.case("no-chain", "Q9: a chain", "no-endorsement", quote=ppid.build(), stage="chain"),
        world.good(
            "chain-beside",
            "Q9: the collateral's chain",
            quote=ppid.build(),
            collateral=[with_chain],
        ),
        world.good(
            "chain-of-several",
            "Q9: the collateral's chain",
            quote=ppid.build(),
            collateral=[b"{}", other_chain, with_chain],
        ),
        world.case(
            "chain-of-stranger",
            "Q9: under the rules of C",
            "untrusted-chain",
            quote=ppid.build(),
            collateral=[other_chain],
            stage="chain",
        ),
    ]


def signatures(world: World) -> list[Case]:
    """Return the cases of who signed what, and of the expected report data."""
    good = world.pieces()
    other = derive_key(world.silicon.identity.secret, "another key")
    signed = good.header + good.body
    valid = raw_signature(good.key, signed)

    def bad(name: str, why: str, code: str = "signature-invalid", **changes: object) -> Case:
        quote = replace(good, **changes).build()  # type: ignore[arg-type]
        return world.case(name, why, code, quote=quote)

    return [
        world.good("good", "Q1: inside the bytes"),
        world.case("tampered", "G1: header and body", "signature-invalid", fault="tampered"),
        world.case("unsigned", "G1: a signature", "signature-invalid", fault="unsigned"),
        bad("last-byte", "G1: the last byte of the body", body=flipped(good.body), signature=valid),
        bad("user-data-changed", "G1: the header", header=flipped(good.header), signature=valid),
        bad("signed-by-other", "G1: by the key", signature=raw_signature(other, signed)),
        bad("signature-ones", "G1: a signature", signature=b"\xff" * 64),
        world.case(
            "key-off-curve",
            "G1: a point on P-256",
            "signature-invalid",
            quote=replace(good, point=b"\1" * 64).rebound().build(),
            stage="chain",
        ),
        world.case(
            "forged-qe",
            "G2: by the PCK",
            "signature-invalid",
            fault="forged-qe-report",
            stage="chain",
        ),
        world.case(
            "qe-tampered",
            "G2: by the PCK",
            "signature-invalid",
            quote=replace(
                good,
                qe_report=flipped(good.qe_report, 64),
                qe_signature=raw_signature(good.pck_key, good.qe_report),
            ).build(),
            stage="chain",
        ),
        world.case(
            "other-key", "G3: this key", "binding", fault="wrong-attestation-key", stage="chain"
        ),
        world.case(
            "other-auth",
            "G3: this authentication data",
            "binding",
            quote=replace(good, auth=bytes(32)).build(),
            stage="chain",
        ),
        world.case(
            "qe-data-tail",
            "G3: zero behind the digest",
            "binding",
            quote=replace(good, qe_report=flipped(good.qe_report)).build(),
            stage="chain",
        ),
        world.case("replayed", "F1: this request", "report-data-mismatch", fault="replayed-nonce"),
        world.case(
            "empty-report-data",
            "F1: this request",
            "report-data-mismatch",
            fault="empty-report-data",
        ),
    ]

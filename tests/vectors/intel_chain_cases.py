"""Vectors of steps C: the PCK chain, which TDX and SGX share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation.simulated import der_writer as w
from attestation.simulated.authority import Period, derive_key
from attestation.simulated.intel.collateral import chain_pem
from attestation.simulated.intel.pck_extension import SGX_EXTENSIONS, PckExtension
from attestation.x509 import der
from attestation.x509.certificate import parse_certificate
from tests.fakes.silicon import NOW
from tests.vectors.ec_certificates import (
    CA_USAGE,
    ECDSA_SHA384,
    IS_CA,
    LEAF_USAGE,
    NO_CA,
    rebuilt,
    signed,
    subject_named,
    with_extensions,
)
from tests.vectors.intel_world import DAY, SECOND, Case, World, flipped

USAGE, CONSTRAINTS = "x2_5_29_15", "x2_5_29_19"
TRUE = w.tlv(der.BOOLEAN, b"\xff")
PCK_EXTENSION = "x" + SGX_EXTENSIONS.replace(".", "_")


def entry(number: str, value: bytes) -> bytes:
    """Return one member of Intel's extension."""
    return w.sequence(w.oid(f"{SGX_EXTENSIONS}.{number}"), value)


class Chains:
    """Chains of one world, honest but for one certificate."""

    def __init__(self, world: World) -> None:
        self.world = world
        vendor = world.silicon.vendor
        self.pieces = world.pieces()
        self.root, self.ca = vendor.root, vendor.pck_ca
        self.leaf = world.silicon.pck().certificate

    def quote(self, *certificates: bytes, tail: bytes = b"\0", key: Any = None) -> bytes:
        """Return a quote with this chain; `key` is the leaf's, if it is not the platform's."""
        chain = chain_pem(*certificates).encode() + tail
        return replace(self.pieces, chain=chain, pck_key=key or self.pieces.pck_key).build()

    def honest(self) -> tuple[bytes, bytes, bytes]:
        return self.leaf, self.ca.certificate, self.root.certificate

    def bad(self, name: str, why: str, code: str, *certificates: bytes, **options: Any) -> Case:
        return self.world.case(name, why, code, quote=self.quote(*certificates, **options))

    def with_leaf(self, name: str, why: str, code: str, leaf: bytes, key: Any = None) -> Case:
        return self.bad(name, why, code, leaf, *self.honest()[1:], key=key)

    def with_ca(self, name: str, why: str, code: str, ca: bytes) -> Case:
        return self.bad(name, why, code, self.leaf, ca, self.root.certificate)

    def extension(self, name: str, code: str, value: bytes | None) -> Case:
        leaf = with_extensions(self.leaf, self.ca.key, **{PCK_EXTENSION: value})
        return self.with_leaf(name, "C7: Intel's extension", code, leaf)

    def good_extension(self, name: str, extension: PckExtension) -> Case:
        leaf = with_extensions(self.leaf, self.ca.key, **{PCK_EXTENSION: extension.encode()})
        why = "C7: Intel's extension"
        return self.world.good(name, why, quote=self.quote(leaf, *self.honest()[1:]))


def chains(world: World) -> list[Case]:
    """Return the cases of the PCK chain."""
    made = Chains(world)
    return [
        *_form(made),
        *_roots(made),
        *_names(made),
        *_constraints(made),
        *_keys(made),
        *_extensions(made),
        *_dates(made),
    ]


def _form(made: Chains) -> Iterator[Case]:
    leaf, ca, root = made.honest()
    long_form = b"\x30\x83\x00" + leaf[2:]
    yield made.bad("two-certificates", "C1: three", "malformed", leaf, root)
    yield made.bad("four-certificates", "C1: three", "malformed", leaf, ca, root, root)
    yield made.bad("no-certificates", "C1: three", "malformed")
    yield made.bad(
        "text-behind-chain", "C1: only zeros behind", "malformed", leaf, ca, root, tail=b"x"
    )
    yield made.bad("leaf-not-der", "C1: DER", "malformed", b"\x30\x80\0\0", ca, root)
    yield made.bad("leaf-long-length", "C1: shortest lengths", "malformed", long_form, ca, root)
    yield made.bad("leaf-trailing", "C1: nothing behind", "trailing-data", leaf + b"\0", ca, root)
    old = rebuilt(leaf, made.ca.key, version=w.tlv(0xA0, w.integer(0)))
    yield made.with_leaf("leaf-version-1", "C1: version 3", "malformed", old)
    why = "C1: zeros behind"
    yield made.world.good("chain-zeros", why, quote=made.quote(leaf, ca, root, tail=bytes(9)))
    yield made.world.good("chain-no-zero", why, quote=made.quote(leaf, ca, root, tail=b""))


def _roots(made: Chains) -> Iterator[Case]:
    leaf, ca, root = made.honest()
    case = made.world.case
    apart = replace(made.world, silicon=made.world.apart)
    yield apart.good("other-platform", "C2: whichever root is trusted")
    yield case("stranger", "C2: the pinned root", "untrusted-chain", fault="signed-by-stranger")
    yield case("simulated", "C2: the pinned root", "simulated-not-trusted", anchors="vendor")
    yield made.bad("root-bit", "C2: all of it", "simulated-not-trusted", leaf, ca, flipped(root))
    yield made.bad("wrong-order", "C2: leaf first", "simulated-not-trusted", root, ca, leaf)


def _names(made: Chains) -> Iterator[Case]:
    leaf, ca, _ = made.honest()
    parsed, ca_key, root_key = parse_certificate(leaf), made.ca.key, made.root.key
    real = subject_named("Intel SGX PCK Certificate", parsed)
    other = subject_named("SIMULATED-Intel SGX TCB Signing", parsed)
    unnamed = rebuilt(leaf, ca_key, subject=w.sequence())
    for name, subject in (("real-name", real), ("other-leaf", other)):
        changed = rebuilt(leaf, ca_key, subject=subject)
        yield made.with_leaf(name, "C3: names", "untrusted-chain", changed)
    yield made.with_leaf("no-name", "C3: names", "untrusted-chain", unnamed)
    renamed = subject_named("SIMULATED-Intel SGX PCK Other CA", parse_certificate(ca))
    yield made.bad(
        "other-ca",
        "C3: names",
        "untrusted-chain",
        rebuilt(leaf, ca_key, issuer=renamed),
        rebuilt(ca, root_key, subject=renamed),
        made.root.certificate,
    )
    why = "C3: issuers are subjects"
    yield made.with_ca("ca-renamed", why, "untrusted-chain", rebuilt(ca, root_key, subject=renamed))
    apart = rebuilt(leaf, ca_key, issuer=made.root.name.public_bytes())
    yield made.with_leaf("leaf-by-root-name", why, "untrusted-chain", apart)


def _constraints(made: Chains) -> Iterator[Case]:
    leaf, ca, _ = made.honest()
    ca_key, root_key = made.ca.key, made.root.key
    why, code = "C4: a CA", "untrusted-chain"
    for name, changes in (
        ("ca-no-ca", {CONSTRAINTS: NO_CA}),
        ("ca-no-constraints", {CONSTRAINTS: None}),
        ("ca-no-usage", {USAGE: None}),
        ("ca-other-usage", {USAGE: LEAF_USAGE}),
    ):
        yield made.with_ca(name, why, code, with_extensions(ca, root_key, **changes))
    wider = with_extensions(ca, root_key, **{CONSTRAINTS: w.sequence(TRUE, w.integer(1))})
    yield made.world.good("ca-path-1", "C4: a CA", quote=made.quote(leaf, wider, made.honest()[2]))
    leaf_is_ca = with_extensions(leaf, ca_key, **{CONSTRAINTS: IS_CA, USAGE: CA_USAGE})
    yield made.with_leaf("leaf-is-ca", "C4: the leaf is none", code, leaf_is_ca)
    parsed = parse_certificate(leaf)
    critical = w.extension("1.2.3.4", b"\x05\x00", critical=True)
    kept = (
        w.extension(name, one.value, critical=one.critical)
        for name, one in parsed.extensions.items()
    )
    listed = w.tlv(der.context(3), w.sequence(*kept, critical))
    unknown = rebuilt(leaf, ca_key, extensions=listed)
    yield made.with_leaf("leaf-critical", "C4: known extensions", code, unknown)
    short = with_extensions(
        made.root.certificate,
        root_key,
        **{CONSTRAINTS: w.sequence(TRUE, w.integer(0))},
    )
    quote = made.quote(leaf, ca, short)
    yield made.world.case("root-path-0", "C4: path length", code, quote=quote, roots=[short])


def _keys(made: Chains) -> Iterator[Case]:
    leaf, ca, _ = made.honest()
    secret = made.world.silicon.identity.secret
    other = derive_key(secret, "another key")
    tbs = parse_certificate(leaf).tbs
    why = "C5: ECDSA and SHA-256"
    two = signed(tbs, made.ca.key, ECDSA_SHA384)
    yield made.with_leaf("leaf-two-algorithms", "C1: one algorithm", "malformed", two)
    large = derive_key(secret, "large key", ec.SECP384R1())
    yield made.with_leaf(
        "leaf-p384",
        "C5: a key on P-256",
        "alg-mismatch",
        rebuilt(leaf, made.ca.key, spki=_spki(large)),
    )
    sha384 = rebuilt(leaf, made.ca.key, algorithm=ECDSA_SHA384)
    yield made.with_leaf("leaf-sha384", why, "alg-mismatch", sha384)
    ca_sha384 = rebuilt(ca, made.root.key, algorithm=ECDSA_SHA384)
    yield made.with_ca("ca-sha384", why, "alg-mismatch", ca_sha384)
    other_key = rebuilt(leaf, made.ca.key, spki=_spki(other))
    quote = made.quote(other_key, ca, made.root.certificate, key=other)
    yield made.world.good("leaf-other-key", "C5: a key on P-256", quote=quote)
    again = rebuilt(ca, made.root.key, serial=w.integer(1))
    quote = made.quote(leaf, again, made.root.certificate)
    yield made.world.good("ca-again", "C6: by its issuer", quote=quote)
    why = "C6: by its issuer"
    yield made.with_leaf("leaf-by-other", why, "signature-invalid", rebuilt(leaf, other))
    yield made.with_ca("ca-by-other", why, "signature-invalid", rebuilt(ca, other))
    yield made.with_leaf("leaf-bit", why, "signature-invalid", flipped(leaf, 20))


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _extensions(made: Chains) -> Iterator[Case]:
    good = made.world.silicon.extension()
    reader = der.DerReader(good.encode(), what="extension").reader(der.SEQUENCE)
    members = []
    while not reader.at_end:
        members.append(reader.take_raw(der.SEQUENCE)[0])
    ppid, tcb, *rest = members
    bad = made.extension

    yield bad("no-extension", "malformed", None)
    yield bad("extension-empty", "malformed", w.sequence())
    for number, name in enumerate(("ppid", "tcb", "pceid", "fmspc", "type")):
        left = w.sequence(*members[:number], *members[number + 1 :])
        yield bad(f"extension-no-{name}", "malformed", left)
    yield bad("extension-twice", "malformed", w.sequence(*members, ppid))
    yield bad("extension-unknown", "malformed", w.sequence(*members, entry("8", w.integer(0))))
    yield bad("extension-trailing", "trailing-data", good.encode() + b"\0")
    for name, changed in (
        ("ppid-short", replace(good, ppid=good.ppid[:-1])),
        ("pceid-short", replace(good, pce_id=b"\0")),
        ("fmspc-long", replace(good, fmspc=good.fmspc + b"\0")),
        ("type-3", replace(good, sgx_type=3)),
        ("pcesvn-65536", replace(good, pce_svn=65536)),
        ("instance-short", replace(good, instance_id=bytes(15))),
    ):
        yield bad(f"extension-{name}", "malformed", changed.encode())
    for name, components in (
        ("svn-256", [*range(1, 16), 256]),
        ("15-svns", [*range(1, 16)]),
        ("17-svns", [*range(1, 18)]),
    ):
        changed_tcb = entry("2", _tcb(components, good))
        yield bad(f"extension-{name}", "malformed", w.sequence(ppid, changed_tcb, *rest))
    text = entry("4", w.ia5("fmspc."))
    yield bad("extension-text", "malformed", w.sequence(ppid, tcb, rest[0], text, *rest[2:]))
    flag = entry("7", w.sequence(entry("7.1", w.tlv(der.BOOLEAN, b"\1"))))
    yield bad("extension-flag", "malformed", w.sequence(ppid, tcb, *rest[:3], flag))
    flag = entry("7", w.sequence(entry("7.4", w.tlv(der.BOOLEAN, b"\xff"))))
    yield bad("extension-flag-4", "malformed", w.sequence(ppid, tcb, *rest[:3], flag))
    single = replace(good, instance_id=None, configuration=None, sgx_type=0)
    yield made.good_extension("extension-single", single)
    yield made.good_extension("extension-type-2", replace(good, sgx_type=2))
    flags = replace(good, instance_id=bytes(16), configuration=(False, True, False))
    yield made.good_extension("extension-flags", flags)


def _tcb(components: list[int], good: PckExtension) -> bytes:
    svns = (entry(f"2.{number}", w.integer(svn)) for number, svn in enumerate(components, 1))
    cpu_svn = entry("2.18", w.octets(good.cpu_svn))
    return w.sequence(*svns, entry("2.17", w.integer(good.pce_svn)), cpu_svn)


def _dates(made: Chains) -> Iterator[Case]:
    case = made.world.case
    yield case("expired-pck", "C8: not behind", "cert-expired", fault="expired-pck")
    yield case("future-clock", "C8: not ahead", "cert-not-yet-valid", fault="future-clock")
    vendor = made.world.silicon.vendor
    for name, start, end in (
        ("first-second", NOW, NOW + DAY),
        ("last-second", NOW - DAY, NOW),
    ):
        pck = vendor.pck(made.world.silicon.extension(), Period(start, end))
        quote = made.quote(pck.certificate, *made.honest()[1:])
        yield made.world.good(f"pck-{name}", "C8: both ends are inside", quote=quote)
    for name, code, start, end in (
        ("too-early", "cert-not-yet-valid", NOW + SECOND, NOW + DAY),
        ("too-late", "cert-expired", NOW - DAY, NOW - SECOND),
    ):
        pck = vendor.pck(made.world.silicon.extension(), Period(start, end))
        quote = made.quote(pck.certificate, *made.honest()[1:])
        yield case(f"pck-{name}", "C8: to the second", code, quote=quote)
    ca = rebuilt(made.ca.certificate, made.root.key, validity=_validity(NOW - DAY, NOW - SECOND))
    yield made.with_ca("expired-ca", "C8: no certificate", "cert-expired", ca)


def _validity(start: Any, end: Any) -> bytes:
    return w.sequence(w.time(start), w.time(end))

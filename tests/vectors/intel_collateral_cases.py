"""Vectors of steps K: collateral, which TDX and SGX share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace

from attestation.simulated import der_writer as w
from attestation.simulated.authority import Period
from attestation.simulated.intel.collateral import Collateral, chain_pem, signature_of
from attestation.simulated.intel.hierarchy import CertifiedKey
from attestation.x509.certificate import parse_certificate
from tests.fakes.silicon import NOW
from tests.vectors.ec_certificates import NO_CA, rebuilt, subject_named, with_extensions
from tests.vectors.intel_books import Books
from tests.vectors.intel_document_cases import identity_documents, tcb_info_documents
from tests.vectors.intel_world import DAY, SECOND, Case, Document, World

PAST, FUTURE = Period(NOW - 2 * DAY, NOW - SECOND), Period(NOW + SECOND, NOW + 2 * DAY)
PRESENT = Period(NOW - DAY, NOW + DAY)


def collateral(world: World) -> list[Case]:
    """Return the cases of collateral."""
    books = Books(world)
    parts = (
        _form,
        _chains,
        _signatures,
        tcb_info_documents,
        identity_documents,
        _belonging,
        _dates,
        _revoked,
        _several,
    )
    return [case for part in parts for case in part(books)]


def _form(books: Books) -> Iterator[Case]:
    good = json.loads(books.good.to_json())
    yield books.world.case("no-collateral", "K1: a document", "no-endorsement", collateral=())
    yield books.accepted("twice", "K1: a document, also twice", books.good, books.good)

    def document(name: str, data: bytes | Document) -> Case:
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        return books.case(name, "K2: this form", "malformed", raw)

    yield document("not-json", b"-----BEGIN CERTIFICATE-----")
    yield document("not-object", b"[]")
    yield document("name-twice", b'{"pck_crl":"","pck_crl":""}')
    yield document("no-member", {name: good[name] for name in good if name != "qe_identity"})
    yield document("more-members", good | {"version": 3})
    yield document("number", good | {"tcb_info": 3})
    for name, members in (
        ("signature-short", {"tcb_info_signature": good["tcb_info_signature"][:-2]}),
        ("signature-odd", {"qe_identity_signature": good["qe_identity_signature"][:-1]}),
        ("signature-no-hex", {"tcb_info_signature": "xx" * 64}),
        ("crl-no-hex", {"pck_crl": "xx"}),
        ("crl-not-der", {"root_ca_crl": "3080"}),
        ("not-ascii", {"tcb_info": good["tcb_info"].replace("UpToDate", "UpToD\u0430te")}),
        ("chain-no-pem", {"tcb_info_issuer_chain": "certificate"}),
        ("chain-empty", {"pck_crl_issuer_chain": ""}),
    ):
        yield books.changed(name, "K2: this encoding", "malformed", **members)
    yield books.changed(
        "trailing-crl", "K2: nothing behind", "trailing-data", pck_crl=books.good.pck_crl + "00"
    )
    upper = replace(books.good, tcb_info_signature=books.good.tcb_info_signature.upper())
    yield books.accepted("hex-upper", "K2: hex of either case", upper)
    spaced = json.dumps(asdict(books.good), indent=2).replace(
        '"pck_certificate_chain": null',
        f'"pck_certificate_chain": {json.dumps(books.good.tcb_info_issuer_chain)}',
    )
    yield books.accepted(
        "spaced", "K2: any JSON; a chain that the quote brings is not needed", spaced.encode()
    )


def _chains(books: Books) -> Iterator[Case]:
    vendor, signer = books.vendor, books.vendor.tcb_signer
    root, why = vendor.root.certificate, "K3: to the pinned root"
    stranger = books.world.silicon.stranger
    foreign = stranger.tcb_signer
    renewed = vendor.tcb_signer_in(PRESENT)
    chain = chain_pem(renewed.certificate, root)
    made = replace(books.good, qe_identity_issuer_chain=chain)
    yield books.accepted("signer-renewed", "K3: two certificates of the signer", made)
    yield books.case(
        "signer-stranger",
        why,
        "untrusted-chain",
        books.signed_by(foreign.certificate, stranger.root.certificate),
    )
    apart = books.world.apart.vendor
    yield books.case(
        "signer-of-other",
        why,
        "simulated-not-trusted",
        books.signed_by(apart.tcb_signer.certificate, apart.root.certificate),
    )
    crl_chain = chain_pem(apart.pck_ca.certificate, apart.root.certificate)
    yield books.changed(
        "list-of-other", why, "simulated-not-trusted", pck_crl_issuer_chain=crl_chain
    )
    yield books.case("signer-alone", why, "untrusted-chain", _alone(books))
    yield from _two_roots(books)
    pck = books.world.silicon.pck()
    by_pck = chain_pem(pck.certificate, vendor.pck_ca.certificate, root)
    text = books.good.tcb_info
    yield books.changed(
        "signed-by-pck",
        "K3: by the signer of collateral",
        "untrusted-chain",
        tcb_info_issuer_chain=by_pck,
        tcb_info_signature=signature_of(text, pck),
    )
    parsed = parse_certificate(signer.certificate)
    real = rebuilt(
        signer.certificate, vendor.root.key, subject=subject_named("Intel SGX TCB Signing", parsed)
    )
    yield books.case("signer-real-name", "K3: names", "untrusted-chain", books.signed_by(real))
    forged = rebuilt(signer.certificate, books.other_key)
    yield books.case(
        "signer-forged",
        "K3: valid signatures",
        "collateral-signature-invalid",
        books.signed_by(forged),
    )
    crl_chain = chain_pem(rebuilt(vendor.pck_ca.certificate, books.other_key), root)
    yield books.changed(
        "list-signer-forged",
        "K3: valid signatures",
        "collateral-signature-invalid",
        pck_crl_issuer_chain=crl_chain,
    )
    no_ca = with_extensions(vendor.pck_ca.certificate, vendor.root.key, x2_5_29_19=NO_CA)
    yield from _list_signers(books, no_ca)


def _two_roots(books: Books) -> Iterator[Case]:
    """Each root is trusted, yet one vendor does not speak for the machines of another."""
    world, apart = books.world, books.world.apart
    roots = [books.vendor.root.certificate, apart.vendor.root.certificate]
    why, theirs = "K3: to the root of the PCK", apart.collateral()
    mixed = replace(
        books.good,
        tcb_info=theirs.tcb_info,
        tcb_info_signature=theirs.tcb_info_signature,
        tcb_info_issuer_chain=theirs.tcb_info_issuer_chain,
    )
    for name, made in (("other-root", theirs), ("mixed-roots", mixed)):
        expect = "untrusted-chain"
        yield world.case(name, why, expect, collateral=[made], roots=roots)
    yield world.good("two-roots", why, collateral=[theirs, books.good], roots=roots)


def _alone(books: Books) -> Collateral:
    chain = chain_pem(books.vendor.tcb_signer.certificate)
    return replace(books.good, tcb_info_issuer_chain=chain)


def _list_signers(books: Books, no_ca: bytes) -> Iterator[Case]:
    vendor = books.vendor
    signer_chain = books.good.tcb_info_issuer_chain
    yield books.changed(
        "list-by-signer", "K3: by a PCK CA", "untrusted-chain", pck_crl_issuer_chain=signer_chain
    )
    usage = with_extensions(
        vendor.pck_ca.certificate, vendor.root.key, x2_5_29_15=b"\x03\x02\x02\x04"
    )
    chain = chain_pem(usage, vendor.root.certificate)
    yield books.changed(
        "list-signer-usage",
        "K4: who may sign lists",
        "crl-issuer-mismatch",
        pck_crl_issuer_chain=chain,
    )


def _signatures(books: Books) -> Iterator[Case]:
    vendor, why, code = books.vendor, "K4: the exact bytes", "collateral-signature-invalid"
    good = books.good
    stranger = CertifiedKey(vendor.tcb_signer.certificate, books.other_key)
    yield books.world.case("tcb-tampered", why, code, fault="tampered-collateral")
    yield books.changed("tcb-spaced", why, code, tcb_info=good.tcb_info.replace(",", ", ", 1))
    yield books.changed(
        "identity-tampered",
        why,
        code,
        qe_identity=good.qe_identity.replace('"isvsvn":8', '"isvsvn":1'),
    )
    yield books.changed(
        "tcb-by-other", why, code, tcb_info_signature=signature_of(good.tcb_info, stranger)
    )
    yield books.changed(
        "identity-by-other",
        why,
        code,
        qe_identity_signature=signature_of(good.qe_identity, stranger),
    )
    yield books.changed(
        "signatures-swapped", why, code, tcb_info_signature=good.qe_identity_signature
    )
    zero = "00" * 64
    yield books.changed("tcb-unsigned", why, code, tcb_info_signature=zero)
    forged_pck = replace(vendor.pck_ca, key=books.other_key).crl(PRESENT).hex()
    forged_root = replace(vendor.root, key=books.other_key).crl(PRESENT).hex()
    why = "K4: lists by their signers"
    yield books.changed("list-forged", why, code, pck_crl=forged_pck)
    yield books.changed("root-list-forged", why, code, root_ca_crl=forged_root)
    yield books.world.case("list-of-other-ca", why, "crl-issuer-mismatch", fault="crl-of-other-ca")
    yield books.changed("lists-swapped", why, "crl-issuer-mismatch", pck_crl=good.root_ca_crl)
    yield books.changed("root-list-by-ca", why, "crl-issuer-mismatch", root_ca_crl=good.pck_crl)
    pretty = json.dumps(json.loads(good.tcb_info), indent=1)
    yield books.accepted(
        "tcb-pretty", "K4: any form, if signed", good.with_tcb_info(pretty, vendor.tcb_signer)
    )


def _belonging(books: Books) -> Iterator[Case]:
    world, code = books.world, "collateral-tee-mismatch"
    yield world.case("of-other-tee", "K6: of this TEE", code, fault="collateral-of-other-tee")
    other = books.published(tdx=world.tee != "tdx", enclave=world.other_tee.enclave)
    mixed = replace(
        books.good, qe_identity=other.qe_identity, qe_identity_signature=other.qe_identity_signature
    )
    yield books.case("identity-of-other-tee", "K6: both of this TEE", code, mixed)
    mixed = replace(
        books.good, tcb_info=other.tcb_info, tcb_info_signature=other.tcb_info_signature
    )
    yield books.case("tcb-of-other-tee", "K6: both of this TEE", code, mixed)
    yield books.accepted("of-this-tee", "K6: both of this TEE", other, books.good)
    yield world.case("other-fmspc", "K7: this family", "fmspc-mismatch", fault="wrong-fmspc")
    made = books.published(pce_id=b"\1\0")
    yield books.case("other-pceid", "K7: this PCE", "fmspc-mismatch", made)
    lower = world.tcb_info(lambda document: document.update(fmspc=document["fmspc"].lower()))
    yield books.accepted("fmspc-lower", "K7: hex of either case", lower)
    vendor = books.vendor
    again = rebuilt(vendor.pck_ca.certificate, vendor.root.key, serial=w.integer(1))
    chain = chain_pem(again, vendor.root.certificate)
    made = replace(books.good, pck_crl_issuer_chain=chain)
    yield books.accepted("list-ca-again", "K8: name and key", made)
    other_ca = vendor.pck_ca_of("processor")
    chain = chain_pem(other_ca.certificate, vendor.root.certificate)
    made = replace(books.good, pck_crl=other_ca.crl(PRESENT).hex(), pck_crl_issuer_chain=chain)
    yield books.case("other-list", "K8: by the PCK's issuer", "crl-issuer-mismatch", made)
    yield books.changed("empty-list", "K2: two lists", "crl-missing", pck_crl="")
    yield books.changed("empty-root-list", "K2: two lists", "crl-missing", root_ca_crl="")


def _dates(books: Books) -> Iterator[Case]:
    world = books.world
    yield world.case("expired", "K9: not behind", "collateral-expired", fault="expired-collateral")
    yield world.case(
        "future", "K9: not ahead", "collateral-not-yet-valid", fault="future-collateral"
    )
    late = books.published(documents=PAST)
    early = books.published(documents=FUTURE)
    for name, code, made in (
        ("expired", "collateral-expired", late),
        ("future", "collateral-not-yet-valid", early),
    ):
        one = replace(
            books.good, tcb_info=made.tcb_info, tcb_info_signature=made.tcb_info_signature
        )
        yield books.case(f"tcb-{name}", "K9: to the second", code, one)
        one = replace(
            books.good,
            qe_identity=made.qe_identity,
            qe_identity_signature=made.qe_identity_signature,
        )
        yield books.case(f"identity-{name}", "K9: both", code, one)
    yield world.case("expired-lists", "K10: not behind", "crl-expired", fault="expired-crl")
    lists = books.published(lists=PAST), books.published(lists=FUTURE)
    for name, code, made in zip(
        ("expired", "future"), ("crl-expired", "collateral-not-yet-valid"), lists, strict=True
    ):
        yield books.changed(f"list-{name}", "K10: to the second", code, pck_crl=made.pck_crl)
        yield books.changed(f"root-list-{name}", "K10: both", code, root_ca_crl=made.root_ca_crl)
    for name, start, end in (("first", NOW, NOW + DAY), ("last", NOW - DAY, NOW)):
        period = Period(start, end)
        made = books.published(documents=period)
        yield books.accepted(f"{name}-second", "K9: both ends are inside", made)
        made = books.published(lists=period)
        yield books.accepted(f"list-{name}-second", "K10: both ends are inside", made)
        made = books.signed_by(books.vendor.tcb_signer_in(period).certificate)
        yield books.accepted(f"signer-{name}-second", "K11: both ends are inside", made)
    for name, code, period in (
        ("expired", "cert-expired", PAST),
        ("future", "cert-not-yet-valid", FUTURE),
    ):
        signer = books.vendor.tcb_signer_in(period)
        made = books.signed_by(signer.certificate)
        yield books.case(f"signer-{name}", "K11: issuers of now", code, made)


def _revoked(books: Books) -> Iterator[Case]:
    world, vendor, why = books.world, books.vendor, "K12: not on a list"
    yield world.case("revoked-pck", why, "cert-revoked", fault="revoked-pck")
    yield world.case("pck-on-hold", why, "cert-on-hold", fault="pck-on-hold")
    yield world.case("revoked-pck-ca", why, "cert-revoked", fault="revoked-pck-ca")
    made = books.published(revoked_by_root=(vendor.tcb_signer.serial,))
    yield books.case("revoked-signer", why, "cert-revoked", made)
    others = books.published(revoked=(1, 2, 3), revoked_by_root=(4, 5))
    yield books.accepted("others-revoked", "K12: other certificates", others)
    why, code = "K13: at least the policy's", "collateral-rollback"
    newest = {"intel": {"minimum_tcb_evaluation_number": 18}}
    yield world.case("old", why, code, fault="old-collateral", policy=newest)
    old = world.identity(lambda document: document.update(tcbEvaluationDataNumber=17))
    yield world.case("old-identity", why, code, collateral=[old], policy=newest)
    old = world.tcb_info(lambda document: document.update(tcbEvaluationDataNumber=17))
    yield world.case("old-tcb", why, code, collateral=[old], policy=newest)
    yield world.good("newest", why, policy=newest)


def _several(books: Books) -> Iterator[Case]:
    good = books.good
    other_family = books.published(fmspc=b"\x0f" * 6)
    other_tee = books.world.other_tee.collateral()
    yield books.accepted("several", "K7: of several, the right one", other_family, other_tee, good)
    expired = books.published(documents=PAST, evaluation=19)
    numbers = {"tcb-evaluation-number": 18}
    yield books.accepted(
        "newer-expired", "K9: the newest that counts", expired, good, claims=numbers
    )
    newer = books.published(evaluation=19)
    numbers = {"tcb-evaluation-number": 19}
    for name, order in (("newer-first", (newer, good)), ("newer-last", (good, newer))):
        yield books.accepted(name, "K7: the newest", *order, claims=numbers)
    old = books.world.identity(lambda document: document.update(tcbEvaluationDataNumber=17))
    least = {"intel": {"minimum_tcb_evaluation_number": 18}}
    for name, order in (("identity-first", (good, old)), ("identity-last", (old, good))):
        yield books.accepted(f"newer-{name}", "K7: the newest", *order, policy=least)
    yield books.case(
        "several-of-others", "K7: one that fits", "fmspc-mismatch", other_family, other_tee
    )

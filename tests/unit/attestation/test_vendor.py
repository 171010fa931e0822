"""The certificates this package carries are the ones that two independent sources agree on."""

from __future__ import annotations

from attestation.endorsements import Endorsements
from attestation.trust import TrustAnchors

# SHA-256 of each certificate, as google/go-sev-guest and lunal-dev/attestation-rs have them.
AMD = {
    "ARK-Milan": "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
    "SEV-Milan": "67d303bd3905fd38db8b20e0793699870e7fa612eaad5dec358293fd8c0bac1b",
    "SEV-VLEK-Milan": "c5e081f59b7efab1fe2f8b505e159704e72f29cab7ef7cf628a05a42439082f5",
    "ARK-Genoa": "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
    "SEV-Genoa": "5464738c1546aed5f2cecf1dc98c5c960a92e8913238a61711bc90ec6e828521",
    "SEV-VLEK-Genoa": "197e610743a917d6b9bb982a5a9226ccc0a15b611be0619e626aca9151457372",
    "ARK-Turin": "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a",
    "SEV-Turin": "5b77ef5fe7a7a004fd9032668fba9d0fda22f88c4442069a479636a6ae3b3185",
    "SEV-VLEK-Turin": "104e10a8bd060a3c20a434261a57d0588fd65a88915b4f65b08bdecaf8df1a3c",
}


def test_certificates_are_the_published_ones() -> None:
    carried = Endorsements.vendor().certificates
    assert {one.subject_cn: one.fingerprint.hex() for one in carried} == AMD
    assert len(carried) == len(AMD)


def test_roots_among_them_are_the_pinned_ones() -> None:
    anchors = TrustAnchors.vendor()
    pinned = {
        one.subject_cn
        for one in Endorsements.vendor().certificates
        if anchors.find(one.fingerprint) is not None
    }
    assert pinned == {"ARK-Milan", "ARK-Genoa", "ARK-Turin"}


def test_there_are_no_lists_that_would_age() -> None:
    assert Endorsements.vendor().crls == ()
    assert Endorsements.vendor() is Endorsements.vendor()

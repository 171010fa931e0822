"""Vectors of docs/specs/corim.md: module identifiers, profiles, dates, reference values."""

from __future__ import annotations

from datetime import UTC, datetime

from attestation.cbor import Tagged
from tests.vectors.arm_cases import REMOVED
from tests.vectors.corim_world import (
    ENVIRONMENT,
    FUTURE,
    IMPLEMENTATION,
    MEASUREMENT,
    META,
    PAST,
    PLATFORM,
    REALM,
    RIM,
    SNP,
    SNP_CLASS,
    bad,
    comid,
    good,
    manifest,
    measured,
    of_profile,
    placed,
    sealed,
    valued,
)

COMIDS = (
    bad(
        "comid-no-identity", "C1: an identity", "manifest", sealed(manifest(of=comid({1: REMOVED})))
    ),
    bad(
        "comid-version",
        "C1: a version",
        "manifest",
        sealed(manifest(of=comid({1: {0: "x", 1: -1}}))),
    ),
    bad("comid-member", "C1: known members", "manifest", sealed(manifest(of=comid({5: 1})))),
    good("linked-tags", "C1: linked tags", sealed(manifest(of=comid({3: [{0: "x", 1: 1}]})))),
    bad(
        "linked-no-relation",
        "C1: linked tags",
        "manifest",
        sealed(manifest(of=comid({3: [{0: "x"}]}))),
    ),
    bad("no-triples", "C2: at least one", "manifest", sealed(manifest(of=comid(triples={})))),
    bad(
        "triples-kind", "C2: known kinds", "manifest", sealed(manifest(of=comid(triples={11: [1]})))
    ),
    bad("empty-kind", "C2: one or more", "manifest", sealed(manifest(of=comid(triples={4: []})))),
    bad(
        "reference-three",
        "C2: pairs",
        "manifest",
        sealed(manifest(of=comid(triples={0: [[ENVIRONMENT, [MEASUREMENT], 1]]}))),
    ),
    bad(
        "key-conditions",
        "C2: no conditions",
        "manifest",
        sealed(manifest(of=comid(triples={3: [[ENVIRONMENT, [Tagged(554, "x")], {0: 1}]]}))),
    ),
    good(
        "other-triples",
        "C2: kinds that are not read",
        sealed(manifest(of=comid(triples={1: [["anything"]]}))),
        references=[],
    ),
    bad("environment-empty", "C3: something named", "manifest", sealed(placed({}))),
    bad("class-empty", "C3: something named", "manifest", sealed(placed({0: {}}))),
    bad("class-type", "C3: a class id", "manifest", sealed(placed({0: {0: Tagged(600, b"x")}}))),
    bad("class-uuid", "C3: a UUID", "manifest", sealed(placed({0: {0: Tagged(37, b"x")}}))),
    bad("instance-ueid", "C3: a UEID", "manifest", sealed(placed({1: Tagged(550, bytes(34))}))),
    bad("layer", "C3: a layer", "manifest", sealed(placed({0: {3: -1}}))),
    good(
        "environment-full",
        "C3: all of it",
        sealed(
            placed(
                {
                    0: {0: Tagged(37, bytes(16)), 1: "v", 2: "m", 3: 0, 4: 1},
                    1: Tagged(550, bytes(7)),
                    2: Tagged(560, b"g"),
                }
            )
        ),
        references=[],
    ),
    bad("no-values", "C4: values", "manifest", sealed(measured({1: REMOVED}))),
    bad("values-empty", "C4: values", "manifest", sealed(valued({}))),
    bad("values-member", "C4: known members", "manifest", sealed(valued({16: 1}))),
    bad("key-type", "C4: a key", "manifest", sealed(measured({0: b"x"}))),
    bad("key-tag", "C4: a key", "manifest", sealed(measured({0: Tagged(560, b"x")}))),
    bad("digest-length", "C5: length", "manifest", sealed(valued({2: [[1, bytes(31)]]}))),
    bad(
        "digest-twice",
        "C5: no algorithm twice",
        "manifest",
        sealed(valued({2: [[1, bytes(32)], [1, bytes(32)]]})),
    ),
    bad("digest-no-pair", "C5: pairs", "manifest", sealed(valued({2: [[1]]}))),
    bad(
        "digest-algorithm", "C5: an algorithm", "manifest", sealed(valued({2: [[None, bytes(32)]]}))
    ),
    good(
        "digests",
        "C5: two algorithms",
        sealed(valued({2: [[1, bytes(32)], ["sha-512", bytes(64)]]})),
        references=[],
    ),
    good("svn", "C6: a number", sealed(valued({1: Tagged(552, 3)})), references=[]),
    bad("svn-text", "C6: a number", "manifest", sealed(valued({1: "1"}))),
    bad("svn-tag", "C6: a number", "manifest", sealed(valued({1: Tagged(554, 1)}))),
    bad("mask-length", "C6: a mask", "manifest", sealed(valued({4: Tagged(560, b"ab"), 5: b"a"}))),
    bad("mask-alone", "C6: a mask", "manifest", sealed(valued({5: b"a"}))),
    bad("raw-pair", "C6: value and mask", "manifest", sealed(valued({4: Tagged(563, [b"a"])}))),
    bad("flag-number", "C6: true or false", "manifest", sealed(valued({3: {0: 1}}))),
    good(
        "all-values",
        "C6: all of it",
        sealed(
            valued(
                {
                    0: {0: "1.0", 1: 16384},
                    1: Tagged(553, 3),
                    3: {3: False},
                    4: Tagged(563, [b"a", b"b"]),
                    6: b"123456",
                    8: "n",
                    11: "name",
                    13: [Tagged(560, b"k")],
                    -1: 5,
                }
            )
        ),
        references=[],
    ),
    bad("key-untagged", "C7: a key", "manifest", sealed(valued({13: ["x"]}))),
    bad("authorized-by", "C7: a key", "manifest", sealed(measured({2: []}))),
)
CCA_CLASS = {0: {0: Tagged(560, IMPLEMENTATION)}}
COMPONENT = {
    0: "cca.software-component",
    1: {2: [[1, bytes(32)]], 11: "BL", 13: [Tagged(560, bytes(32))]},
}
UEID = Tagged(550, b"\x01" + bytes(32))
REALM_CLASS = {0: {0: Tagged(560, RIM)}}
RIM_VALUE = {0: "cca.rim", 1: {2: [[7, RIM]]}}
REM_VALUE = {0: "cca.rem3", 1: {2: [[7, bytes(48)]]}}
RPV_VALUE = {0: "cca.rpv", 1: {4: Tagged(560, bytes(64))}}
PEM = Tagged(554, "-----BEGIN PUBLIC KEY-----")


def of_platform(name: str, *triple: object, kind: int = 0) -> object:
    return bad(
        name, "P2: the profile", "manifest", sealed(of_profile(PLATFORM, list(triple), kind=kind))
    )


def of_realm(name: str, environment: object, *values: object) -> object:
    return bad(
        name, "P3: the profile", "manifest", sealed(of_profile(REALM, [environment, list(values)]))
    )


PROFILES = (
    bad("snp-key-text", "P1: numbers", "manifest", sealed(measured({0: "measurement"}))),
    bad("snp-no-key", "P1: numbers", "manifest", sealed(measured({0: REMOVED}))),
    bad("snp-digest", "P1: SHA-384", "manifest", sealed(measured({1: {2: [[1, bytes(32)]]}}))),
    bad(
        "snp-key-model",
        "P1: vendor and model",
        "manifest",
        sealed(of_profile(SNP, [{0: SNP_CLASS}, [Tagged(555, "x")]], kind=3)),
    ),
    good(
        "snp-other-field",
        "P1: other fields",
        sealed(measured({0: 2, 1: {4: Tagged(560, b"p")}})),
        references=[],
    ),
    good(
        "platform",
        "P2: components",
        sealed(
            of_profile(
                PLATFORM,
                [CCA_CLASS, [COMPONENT, {0: "cca.platform-config", 1: {4: Tagged(560, b"c")}}]],
            )
        ),
        references=[],
    ),
    of_platform("platform-class", {0: {0: Tagged(560, bytes(31))}}, [COMPONENT]),
    of_platform("platform-instance", CCA_CLASS | {1: UEID}, [COMPONENT]),
    of_platform("platform-name", CCA_CLASS, [COMPONENT | {0: "cca.bad-component"}]),
    of_platform("platform-no-digest", CCA_CLASS, [COMPONENT | {1: {11: "BL"}}]),
    of_platform("platform-signer", CCA_CLASS, [COMPONENT | {1: {2: [[1, bytes(32)]], 13: [PEM]}}]),
    of_platform("platform-config", CCA_CLASS, [COMPONENT | {0: "cca.platform-config"}]),
    of_platform("platform-key-instance", CCA_CLASS, [PEM], kind=3),
    of_platform("platform-two-keys", CCA_CLASS | {1: UEID}, [PEM, PEM], kind=3),
    good(
        "platform-key",
        "P2: a key",
        sealed(of_profile(PLATFORM, [CCA_CLASS | {1: UEID}, [PEM]], kind=3)),
        references=[],
    ),
    good(
        "realm",
        "P3: a realm",
        sealed(of_profile(REALM, [REALM_CLASS, [RIM_VALUE, REM_VALUE, RPV_VALUE]])),
        references=[["cca", RIM.hex()]],
    ),
    of_realm("realm-class", {0: {0: Tagged(37, bytes(16))}}, RIM_VALUE),
    of_realm("realm-no-rim", REALM_CLASS, REM_VALUE),
    of_realm("realm-other-rim", {0: {0: Tagged(560, bytes(48))}}, RIM_VALUE),
    of_realm("realm-name", REALM_CLASS, RIM_VALUE, REM_VALUE | {0: "cca.rem4"}),
    of_realm("realm-no-digest", REALM_CLASS, RIM_VALUE, REM_VALUE | {1: {11: "x"}}),
    of_realm("realm-rpv", REALM_CLASS, RIM_VALUE, RPV_VALUE | {1: {11: "x"}}),
    bad(
        "realm-key",
        "P3: no keys",
        "manifest",
        sealed(of_profile(REALM, [REALM_CLASS, [PEM]], kind=3)),
    ),
)
DATES = (
    bad(
        "signature-expired",
        "D1: the signature's period",
        "dates",
        sealed(meta=META | {1: PAST}),
        "collateral-expired",
    ),
    bad(
        "signature-future",
        "D1: the signature's period",
        "dates",
        sealed(meta=META | {1: FUTURE}),
        "collateral-not-yet-valid",
    ),
    bad(
        "cwt-expired",
        "D1: the signature's period",
        "dates",
        sealed(header={8: REMOVED, 15: {1: "Maker", 4: 1, 5: 0}}),
        "collateral-expired",
    ),
    good("no-period", "D1: without a period", sealed(meta={0: META[0]})),
    good("last-second", "D1: both ends are inside", sealed(), now=datetime(2027, 1, 1, tzinfo=UTC)),
    bad(
        "manifest-expired",
        "D2: the manifest's period",
        "dates",
        sealed(manifest({4: PAST})),
        "collateral-expired",
    ),
    bad(
        "manifest-future",
        "D2: the manifest's period",
        "dates",
        sealed(manifest({4: FUTURE})),
        "collateral-not-yet-valid",
    ),
)


def named(name: str, digest: bytes, algorithm: int) -> bytes:
    return sealed(measured({0: name, 1: {2: [[algorithm, digest]]}}, {3: REMOVED}))


REFERENCES = (
    good(
        "tdx",
        "X1: a trust domain",
        named("tdx.mrtd", bytes(48), 7),
        references=[["tdx", bytes(48).hex()]],
    ),
    good(
        "sgx",
        "X1: an enclave",
        named("sgx.mrenclave", bytes(32), 1),
        references=[["sgx", bytes(32).hex()]],
    ),
    good(
        "nitro",
        "X1: an enclave image",
        named("nitro.pcr0", bytes(48), 7),
        references=[["nitro", bytes(48).hex()]],
    ),
    bad("tdx-length", "X1: of the TEE", "references", named("tdx.mrtd", bytes(32), 1)),
)

"""What sealing says in the formats of others, and what it leaves out."""

from __future__ import annotations

from sealing.bom import Producer
from sealing.signatures.provenance import provenance_of, sbom_of
from sealing.signatures.sigstore import PROVENANCE, statement_bytes
from tests.unit.sealing import makers
from tests.unit.sealing.oci.samples import sealed

DIGEST = makers.digest(b"module")
HEX = DIGEST.removeprefix("sha256:")
TOOLS = (
    Producer(field="language", name="Rust", version=""),
    Producer(field="processed-by", name="rustc", version="1.90.0"),
)


def test_provenance_says_who_sealed_what_for_whom() -> None:
    found = provenance_of(sealed().statement, plaintext=DIGEST)
    build, run = found["buildDefinition"], found["runDetails"]
    assert build["buildType"] == "urn:sealwasm:seal:v1"
    assert build["externalParameters"] == {
        "module": "acme/scoring",
        "version": 7,
        "policy": "acme/prod",
        "brokers": [makers.IDENTITY.key_id],
        "recipients": ["broker"],
    }
    assert build["resolvedDependencies"][0] == {"name": "module", "digest": {"sha256": HEX}}
    assert run["builder"] == {"id": f"urn:sealwasm:owner:{makers.OWNER.key_id}"}
    assert run["metadata"] == {"finishedOn": "2026-11-22T10:00:00Z"}


def test_bill_names_the_producers_and_says_that_it_is_incomplete() -> None:
    found = sbom_of(sealed().statement, plaintext=DIGEST, producers=TOOLS)
    language, compiler = found["components"]
    assert (language["name"], "version" in language) == ("Rust", False)
    assert (compiler["name"], compiler["version"]) == ("rustc", "1.90.0")
    assert language["properties"] == [{"name": "wasm:producers:field", "value": "language"}]
    reference = found["metadata"]["component"]["bom-ref"]
    assert found["compositions"] == [{"aggregate": "incomplete", "assemblies": [reference]}]


def test_a_hidden_module_is_in_neither() -> None:
    bill = sbom_of(sealed().statement, plaintext=None, producers=())
    assert "hashes" not in bill["metadata"]["component"]
    provenance = provenance_of(sealed().statement, plaintext=None)
    names = [one["name"] for one in provenance["buildDefinition"]["resolvedDependencies"]]
    assert names == ["capability-policy"]


def test_the_same_artifact_gives_the_same_bytes() -> None:
    documents = [provenance_of(sealed().statement, plaintext=DIGEST) for _ in range(2)]
    one, other = (statement_bytes(DIGEST, PROVENANCE, each) for each in documents)
    assert one == other

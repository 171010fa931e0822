"""TEE evidence to verified claims to attestation result, offline and strict.

Verify a SEV-SNP report with its VCEK, AMD's certificates and revocation list::

    from pathlib import Path
    from attestation.endorsements import Endorsements
    from attestation.evidence import UnverifiedEvidence
    from attestation.policy import EvidencePolicy
    from attestation.report_data import ExpectedReportData
    from attestation.trust import TrustAnchors
    from attestation.verify import verify

    read = lambda name: Path(name).read_bytes()
    claims = verify(
        UnverifiedEvidence("snp", {"report": read("report.bin"), "vek": read("vcek.der")}),
        endorsements=Endorsements.parse([read("ask_ark.pem")], [read("crl.der")]),
        report_data=ExpectedReportData(expected),
        policy=EvidencePolicy(), anchors=TrustAnchors.vendor(), now=now,
    )

`claims.measurement` is then signed by the chip for this request; everything wrong was raised as
`EvidenceError` with a stable code. Start reading at `verify`.
"""

"""TEE evidence to verified claims to attestation result, offline and strict.

All names that a program needs are in `attestation.api`; the modules themselves, for whoever reads
on: `verify` is the one door from bytes to claims, `errors` has every reason to refuse, `trust` what
a chain may end in, `policy` what is accepted beyond authenticity, `evidence` which parts evidence
of each TEE has. Verify a SEV-SNP report with its VCEK, AMD's certificates and revocation list::

    from pathlib import Path
    from attestation import api

    read = lambda name: Path(name).read_bytes()
    claims = api.verify(
        api.UnverifiedEvidence("snp", {"report": read("report.bin"), "vek": read("vcek.der")}),
        endorsements=api.Endorsements.parse([read("ask_ark.pem")], [read("crl.der")]),
        report_data=api.ExpectedReportData(expected),
        policy=api.EvidencePolicy(), anchors=api.TrustAnchors.vendor(), now=now,
    )

`claims.measurement` is then signed by the chip for this request; everything wrong was raised as
`EvidenceError` with a stable code. Which measurements are right is for `api.appraise`; that
evidence counts once, for the caller. Not in `api`: tokens of services (`attestation.tokens`),
makers' CoRIM (`attestation.corim`), fetching (`attestation.endorsement_store`), asking this
machine (`attestation.detect`). Start reading at `attestation/verify.py`; docs/architecture.md has
the picture.
"""

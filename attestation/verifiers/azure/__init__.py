"""Azure confidential guests: a virtual TPM whose key is in the report of real hardware.

Start reading at `snp`; the checks are docs/specs/evidence-azure.md.
"""

"""TPM 2.0 structures, read and written exactly: nothing here decides whom to trust.

`wire` has the integers and sized buffers, `public` the key areas and their names, `pcr` the
selections and their digest, `attest` the quote and `signature` what covers it.
"""

"""A strict reader of the X.509 profile that TEE vendors use.

Own code because every VCEK and VLEK has serial number 0, which `cryptography` announces to refuse.
Keys and signatures are still checked by `cryptography`.
"""

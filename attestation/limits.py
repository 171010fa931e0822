"""Every bound of this package, with its reason. Input is attacker controlled up to these."""

from __future__ import annotations

from typing import Final

# A VCEK is about 1.4 KiB and an ARK 1.7 KiB; ten times that holds any certificate we know.
MAX_CERTIFICATE_BYTES: Final = 16 * 1024
# AMD's lists name single intermediates: under 2 KiB in practice.
MAX_CRL_BYTES: Final = 256 * 1024
# VEK, ASK, ASVK and ARK for three products, twice over for a renewal.
MAX_CERTIFICATES: Final = 32
MAX_CRLS: Final = 16
# Extensions of one certificate: AMD uses 13.
MAX_EXTENSIONS: Final = 32
# Object identifiers: ours take 10 bytes, UUID-based ones 20. One arc may be a number of any size.
MAX_OID_BYTES: Final = 64
# Entries of one revocation list.
MAX_REVOKED: Final = 4096
# Entries that have more than a reason code, or none, are read one by one: some 25 us each.
MAX_UNUSUAL_REVOKED: Final = 1024
# The kernel gives the certificate table in pages; four certificates as PEM are two of them.
MAX_CERT_TABLE_BYTES: Final = 64 * 1024
MAX_CERT_TABLE_ENTRIES: Final = 16
# One part of evidence on the wire. SNP needs 64 KiB, other TEEs' quotes fit as well.
MAX_PART_BYTES: Final = 64 * 1024

# An EAR with all SNP claims is 4 KiB.
MAX_TOKEN_BYTES: Final = 64 * 1024
# A processor and 16 devices.
MAX_SUBMODS: Final = 17
MAX_JSON_DEPTH: Final = 16
# Commas and opening brackets, in texts too. A full reference document has some 20,000; small values
# cost half a microsecond each, and no input may cost more than 50 ms.
MAX_JSON_VALUES: Final = 65_536
# A key set file: a handful of keys; Azure's come in certificates that hold a quote each.
MAX_KEYS: Final = 16
MAX_KEY_FILE_BYTES: Final = 256 * 1024
# Clocks of verifier and relying party may differ by this much.
CLOCK_SKEW_SECONDS: Final = 60

# A reference value document for a fleet: thousands of measurements of 96 characters.
MAX_REFERENCE_BYTES: Final = 1024 * 1024
MAX_REFERENCE_VALUES: Final = 4096

# Verified chains kept by digest: one per chip and firmware level of a fleet, about 4 KiB each.
MAX_CACHED_CHAINS: Final = 1024
# Verified links between CA certificates: two per product and renewal.
MAX_CACHED_LINKS: Final = 256
MAX_CACHED_CRLS: Final = 64

# A manifest with hundreds of cases and their provenance.
MAX_MANIFEST_BYTES: Final = 16 * 1024 * 1024

# What a simulated platform keeps on disk.
MAX_STATE_BYTES: Final = 64 * 1024

# CBOR: a Nitro document has some 60 values and nests 3 deep, a CoRIM some thousands and 12. A
# value costs a microsecond, and no input may cost more than 50 ms.
MAX_CBOR_DEPTH: Final = 24
MAX_CBOR_ITEMS: Final = 16384
# Intel's TCB info with QE identity, chains and lists is 40 KiB; their lists grow.
MAX_COLLATERAL_BYTES: Final = 1024 * 1024
# All certificates and lists a verifier is given: those of the makers, and of each chip of a fleet.
MAX_ENDORSED_CERTIFICATES: Final = 512
MAX_ENDORSED_CRLS: Final = 64
# What a verifier is given beside certificates: collateral per platform family, RIMs per driver.
MAX_DOCUMENTS: Final = 256
MAX_DOCUMENT_BYTES: Final = 1024 * 1024
# Evidence of all devices of one machine: 16 GPUs and switches, some 13 KiB each as base64, and as
# much as a release request takes for one part (512 Ki characters of base64).
MAX_DEVICES: Final = 16
MAX_DEVICES_BYTES: Final = 384 * 1024
# Certificates between a leaf and its root: NVIDIA has five in all, Nitro five.
MAX_PATH_CERTIFICATES: Final = 8
# A TCG event log of a machine with many drivers is some 100 KiB.
MAX_EVENT_LOG_BYTES: Final = 512 * 1024
# Endorsements in one file. Its signed form is a DSSE envelope of at most 4 MiB (sealing.limits),
# where base64 adds a third.
MAX_BUNDLE_BYTES: Final = 3 * 1024 * 1024 - 64 * 1024
MAX_BUNDLE_DOCUMENTS: Final = 512

# PCR banks of one quote: TPMs have three or four.
MAX_PCR_BANKS: Final = 8
# A TPM2B_DATA or TPM2B_NAME holds an algorithm and its largest digest.
MAX_TPM_NAME_BYTES: Final = 66
# The largest TPM key known here is RSA-4096.
MAX_TPM_KEY_BYTES: Final = 512
# TPMS_ATTEST of a quote: names, nonce and selections come to less than 400 bytes.
MAX_ATTEST_BYTES: Final = 1024

# AWS Nitro: what the NSM reads and writes at most (linux/nsm.h), and the document in it.
NSM_REQUEST_BYTES: Final = 0x1000
NSM_RESPONSE_BYTES: Final = 0x3000
# Members of the document, by AWS's specification of it. A module id has 40 characters.
MAX_NITRO_CERTIFICATE_BYTES: Final = 1024
MAX_NITRO_PUBLIC_KEY_BYTES: Final = 1024
MAX_NITRO_USER_BYTES: Final = 512
MAX_NITRO_PCRS: Final = 32
MAX_NITRO_MODULE_ID: Final = 256

# NVIDIA: fields of the opaque data of one report; devices of today have 17.
MAX_OPAQUE_FIELDS: Final = 64
# A signed RIM has 65 elements of at most 13 attributes and is 26 KiB; alternatives make it grow.
MAX_RIM_BYTES: Final = 256 * 1024
MAX_XML_ELEMENTS: Final = 1024
MAX_XML_ATTRIBUTES: Final = 32
MAX_XML_DEPTH: Final = 16
# RIMs of a fleet: two per driver and VBIOS version, each 10 KiB once verified.
MAX_CACHED_RIMS: Final = 256
# One OCSP response speaks of one certificate as a rule and brings the responder's certificate.
MAX_OCSP_BYTES: Final = 16 * 1024
MAX_OCSP_ANSWERS: Final = 16
MAX_CACHED_OCSP: Final = 1024
# A CCA token with 15 software components is 2.5 KiB.
MAX_ARM_TOKEN_BYTES: Final = 32 * 1024
# Firmware stages of a platform: 16 in the largest token seen.
MAX_SOFTWARE_COMPONENTS: Final = 64
# Firmware layers that one DICE certificate names: Blackwell names two.
MAX_FWIDS: Final = 8

# Vendors' services. Intel's answers are 20 KiB, a RIM as JSON 40 KiB; all of it is kept in memory.
MAX_VENDOR_BYTES: Final = 1024 * 1024
VENDOR_CONNECT_SECONDS: Final = 10.0
VENDOR_READ_SECONDS: Final = 20.0
# All requests for one document, waiting included. AMD asks for up to a minute under load.
VENDOR_TOTAL_SECONDS: Final = 120.0
VENDOR_ATTEMPTS: Final = 4
VENDOR_REDIRECTS: Final = 2
# A document in a store: what a bundle takes, as base64 with its notes.
MAX_STORED_BYTES: Final = 2 * 1024 * 1024
# A store of a fleet: one certificate for each chip and firmware level.
MAX_STORED_DOCUMENTS: Final = 4096
# Names and numbers of the newest documents ever seen, three lines for each family of processors.
MAX_MARKS_BYTES: Final = 1024 * 1024

# Events of one boot: a server with many drivers and a chatty boot loader has some hundreds.
MAX_LOG_EVENTS: Final = 4096
# Digests of one event: one per bank of the machine's TPM.
MAX_LOG_ALGORITHMS: Final = 8
# One command or answer of a TPM: at most 4 KiB on every TPM (TPM2_PT_MAX_COMMAND_SIZE).
MAX_TPM_BYTES: Final = 4096
# What a TPM holds in one NV index: a certificate of 2 KiB, Azure's report with its JSON 2.6 KiB.
MAX_NV_BYTES: Final = 16 * 1024
# A hardware TPM takes up to a minute to make an RSA key.
TPM_SECONDS: Final = 120.0

# Requests to configfs-tsm before we say that somebody is in the way on purpose.
TSM_ATTEMPTS: Final = 5
# Intel's TCB info: 11 levels seen, two TDX modules, 19 advisories on the oldest level.
MAX_TCB_LEVELS: Final = 256
MAX_TDX_MODULES: Final = 64
MAX_ADVISORIES: Final = 256
# Verified collateral, some 60 KiB each as Python objects: one per platform family and TEE.
MAX_CACHED_COLLATERAL: Final = 512
# Namespaces in scope: a signed RIM has five, and every element may see all of them.
MAX_XML_NAMESPACES: Final = 16

# The NV index of an HCL report has 2600 bytes; runtime data with more keys would still fit.
MAX_HCL_BYTES: Final = 16 * 1024
# A CoRIM of a fleet: a thousand measurements. What is nested in it shares one count of values.
MAX_CORIM_BYTES: Final = 512 * 1024
MAX_CORIM_VALUES: Final = 8192

# Azure's services answer a guest in milliseconds; one that takes longer is not there.
AZURE_SERVICE_SECONDS: Final = 5.0

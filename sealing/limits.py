"""Every bound of the sealed-module format, with its reason."""

from __future__ import annotations

# Registries refuse manifests above 4 MiB; ours are a few KiB even with 16 hybrid envelopes.
MANIFEST_BYTES = 1 << 20
# The config holds three strings and, for a component, the names of its imports and exports.
CONFIG_BYTES = 64 << 10
# A statement carries the capability policy and the bill of materials, base64 adds a third.
BUNDLE_BYTES = 4 << 20
STATEMENT_BYTES = 3 << 20
# Inline file contents are the only large thing a capability policy holds.
CAPABILITIES_BYTES = 1 << 20
# Statements of others: cosign names one artifact, a build that makes many names them all.
STATEMENT_SUBJECTS = 64
PREDICATE_TYPE_CHARS = 1024
# A cosign payload is a few hundred bytes; whoever signs may add annotations of their own.
SIMPLE_PAYLOAD_BYTES = 64 << 10
# A key statement is under 1 KiB. One rotation a year is 16 years of them.
KEY_STATEMENT_BYTES = 8 << 10
KEY_STATEMENTS = 16
# Owners that one reader trusts, and keys that it takes back, are written by hand.
OWNERS = 64
REVOKED_KEYS = 1024
# Releases, receipts and descriptors travel as DSSE. A receipt embeds evidence and a release of up
# to 2 MiB for each broker whose share of a key was used; the others have lower bounds of their own.
DSSE_BYTES = 32 << 20
# Bundles of one artifact: its owner's, and what others attached beside it.
BUNDLES = 16
# More signers than that on one document is not a threshold anybody operates.
DSSE_SIGNATURES = 16
# One envelope holds a 1.3 KiB hybrid ciphertext and its context.
ENVELOPE_BYTES = 16 << 10
# One per broker that may release the module; the strict profile of the design says 16.
ENVELOPES = 16
# The ocicrypt options are under 300 bytes; they are the only thing an HPKE message of ours holds.
OPTIONS_BYTES = 1 << 10
HPKE_MESSAGE_BYTES = 64 << 10
# A value costs the reader up to two microseconds, and no text that a stranger sends may cost it
# more than 50 ms. An index of 1024 entries with annotations has 10,000.
JSON_VALUES = 12 << 10
# A large statement, which is read after the signature over it, may hold a value for so many of its
# bytes and cost twice that: a list of components in CycloneDX has one for 30, and a bill of
# thousands of C functions, which is a part of its statement, one for 22.
JSON_VALUE_BYTES = 24
# What they may cost in memory. The largest bill of materials and its policy hold under 200,000.
JSON_VALUES_MOST = 1 << 18
# Of one object. They are built before it can be refused; the largest in a document of ours is the
# list of credentials that docker keeps for hundreds of registries.
JSON_MEMBERS = 2048
# Values on a path from the root, itself included. Policies nest 6 deep; recursion ends near 1000.
JSON_DEPTH = 32
# A PEM file with a key of ours is under 1 KiB.
PEM_BYTES = 64 << 10
# OpenSSL's own bound on what it reads back.
PASSPHRASE_BYTES = 1023
# What a passphrase costs whoever guesses it: 16 MiB five times over, about 0.2 s. OpenSSL's own
# bound on the memory of a key file is 32 MiB.
PEM_SCRYPT_N = 1 << 14
PEM_SCRYPT_P = 5
# What a reader pays at most for a PEM file of another tool: OpenSSL's bound on memory (in blocks of
# 128 bytes), and a few seconds.
PEM_SCRYPT_BLOCKS = 1 << 18
PEM_SCRYPT_WORK = 1 << 22
PEM_ROUNDS = 10_000_000
# The costs that cosign writes and wrote, all with the same r and p: 32, 64 and 128 MiB. What
# another number would cost, nobody has agreed to.
COSIGN_SCRYPT_N = (1 << 15, 1 << 16, 1 << 17)
COSIGN_SCRYPT_P = 1
SCRYPT_R = 8
# The name of a key on a token or in a service. Amazon's resource names end at 2048.
KEY_URI_CHARS = 2048
# A token of ours holds a handful of keys; the largest smart card has 24 slots.
TOKEN_KEYS = 256
# Module and policy names are path-like and end up in file names, logs and metrics.
NAME_CHARS = 200
# RFC 8785 numbers are exact up to 2**53 - 1; so are versions.
VERSION_MAX = 2**53 - 1
# wasm sizes are u32 and the largest program measured here is 69 MB; HMAC needs it all in memory.
# A bound of the format, for all its readers; a runner may take less (ours does, and says so early).
MODULE_BYTES = 512 << 20
# A component has several sections for each interface; a command with 16 of them has 172.
BILL_COMPONENT_SECTIONS = 16384
# Entries of all index spaces in one. The world of commands of WASI 0.2 comes to 300.
BILL_COMPONENT_ENTRIES = 32768
# Components in components: tools that compose nest two deep.
BILL_COMPONENT_DEPTH = 16
# The core modules in one: the largest toolchain here makes under 40.
BILL_MODULES = 256
# The texts of all types in one. The world of commands of WASI 0.2 comes to 10,000.
BILL_COMPONENT_CHARS = 1 << 20
# A file is read and compared with what it was in pieces of this size.
MODULE_BLOCK_BYTES = 1 << 20
# What reading a module or component may cost, in steps of about a microsecond: these are free for
# all, and one more for so many of its bytes. A hello in Go has a data segment for each 85 bytes;
# the world of commands of WASI 0.2 takes under 3,000 steps.
BILL_STEPS = 1 << 14
BILL_STEP_BYTES = 64
# Counts of a module's bill of materials. The largest program measured here has 62 imports.
BILL_IMPORTS = 4096
BILL_EXPORTS = 16384
BILL_TYPES = 65536
BILL_FUNCTIONS = 1_000_000
BILL_ENTRIES = 100_000
# A language has one or two kinds of exceptions.
BILL_TAGS = 4096
# The engine takes no more of either, and that only with multi-memory.
BILL_MEMORIES = 100
BILL_TABLES = 100
# Standard sections are 13; a debug build of the toolchains here has under 30 custom ones.
BILL_SECTIONS = 1024
# All names and types that a bill lists: more would not fit the statement it stands in.
BILL_CHARS = STATEMENT_BYTES
# One byte is one parameter or result. Large C++ programs stay under 50 KiB.
BILL_TYPE_BYTES = 1 << 20
# Addresses of a module that is linked at load time are three instructions.
BILL_CONSTANT_INSTRUCTIONS = 32
# Mangled C++ and Rust names pass 1 KiB.
BILL_NAME_BYTES = 4096
BILL_PRODUCERS = 64
# An embedded signature: sets of hashes, parts of a module, signers of a set, and the bytes of a
# key id or a signature of any algorithm that anybody proposed for it.
EMBEDDED_SETS = 16
EMBEDDED_HASHES = 64
EMBEDDED_SIGNATURES = 16
EMBEDDED_BYTES = 8 << 10
# The engine's own bound on parameters and on results of one function type.
BILL_TYPE_VALUES = 1000
# Both of them written out, with room for the words around.
BILL_TYPE_CHARS = 2 * BILL_TYPE_VALUES * len("externref ") + 64
# A JWE of ocicrypt: 16 recipients with RSA-4096 are 13 KiB, with P-521 7 KiB.
JWE_BYTES = 32 << 10
# An RSA key has to try each of them: one with 4096 bits takes 7 ms. skopeo names one or two.
JWE_RSA_RECIPIENTS = 6
# The header names two algorithms and, for elliptic curves, a point.
JWE_HEADER_BYTES = 4 << 10
# Below, factoring is in reach of states; above, one private operation takes longer than a request.
RSA_BITS = (2048, 4096)
# A wrapped key is under 300 bytes, at most four characters each where they are written as numbers.
COCO_PACKET_BYTES = 8 << 10
# A recovery key is opened once in years and guessed at forever: 128 MiB, about half a second.
RECOVERY_SCRYPT_N = 1 << 17
RECOVERY_SCRYPT_P = 1

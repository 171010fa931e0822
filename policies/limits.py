"""Every bound of the policy language, each with its reason."""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

# Documents. A policy is read by people; the largest of ours is 6 KiB. Inline files need some room.
MAX_DOCUMENT_BYTES: Final = 256 * KIB
# The deepest legal value (files[].contents{}.text) lies at depth 7.
MAX_DEPTH: Final = 16
# 256 KiB of `- a` lines would be 65,000 nodes; real policies have a few hundred.
MAX_NODES: Final = 20_000
MAX_KEY_CHARACTERS: Final = 256
# RFC 8785 keeps integers exact up to 2^53 - 1 only.
MAX_INTEGER: Final = 2**53 - 1
# More problems than fit a screen help nobody.
MAX_PROBLEMS: Final = 20
# How much of an offending value an error shows.
MAX_SHOWN_CHARACTERS: Final = 60

# Text fields.
# As long as the names of sealed modules.
MAX_NAME_CHARACTERS: Final = 200
MAX_DESCRIPTION_CHARACTERS: Final = 2048
MAX_IMPORT_CHARACTERS: Final = 256
MAX_CLAIM_TEXT_CHARACTERS: Final = 512
# Four parts of nine digits and three dots.
MAX_VERSION_CHARACTERS: Final = 39
MAX_SEED_CHARACTERS: Final = 256

# Release policies. One environment per runner build and cloud; values per list per rollout.
MAX_ENVIRONMENTS: Final = 64
MAX_CONDITIONS: Final = 64
MAX_VALUES: Final = 512
# A key that was lent cannot be taken back before its lease ends.
DEFAULT_LEASE_MS: Final = 15 * 60 * 1000
MIN_LEASE_MS: Final = 1_000
MAX_LEASE_MS: Final = 7 * 24 * 3600 * 1000
# Guardrails documents that apply to one decision: compliance, tenant, node operator, and room.
MAX_GUARDRAILS: Final = 16

# Patterns of `matches`: compiled to an automaton at load, so these bound the time of a load and
# the memory behind it. Matching takes the same time whatever they are.
MAX_PATTERN_CHARACTERS: Final = 256
MAX_PATTERN_REPEAT: Final = 64
MAX_PATTERN_STATES: Final = 512
MAX_PATTERN_DEPTH: Final = 16
# Different ones in a document: at up to 50 ms each, a load stays below two seconds.
MAX_PATTERNS: Final = 32

# Capability policies: what the guest may be given at most, whoever asks.
MAX_IMPORTS: Final = 512
MAX_ARGUMENTS: Final = 1024
MAX_ARGUMENT_BYTES: Final = 128 * KIB
MAX_ENVIRONMENT_VARIABLES: Final = 128
MAX_ENVIRONMENT_VALUE_CHARACTERS: Final = 8192
MAX_STREAM_BYTES: Final = 1 * GIB
MAX_MOUNTS: Final = 32
MAX_PATH_CHARACTERS: Final = 255
MAX_MOUNT_BYTES: Final = 1 * GIB
MAX_MOUNT_FILES: Final = 65_536
# All mounts together: the tree lives in the worker's memory.
MAX_ALL_MOUNTS_BYTES: Final = 2 * GIB
# WebAssembly memory grows in pages of 64 KiB and ends at 4 GiB without memory64.
MIN_MEMORY_BYTES: Final = 64 * KIB
MAX_MEMORY_BYTES: Final = 4 * GIB
MAX_WALL_CLOCK_MS: Final = 24 * 3600 * 1000
MIN_STACK_BYTES: Final = 16 * KIB
# Beyond this the guest's stack would meet the end of a normal 8 MiB thread stack.
MAX_STACK_BYTES: Final = 4 * MIB
MAX_TABLE_ELEMENTS: Final = 10_000_000
MAX_INSTANCES: Final = 64
# Three are stdin, stdout and stderr.
MIN_OPEN_FILES: Final = 3
MAX_OPEN_FILES: Final = 4096
# What `clock: {kind: coarse}` rounds down to: enough for logs, too little to time a cache.
COARSE_CLOCK_MS: Final = 100
# A guest's clock counts nanoseconds since 1970 in 64 bits, which end in 2554.
MIN_CLOCK_YEAR: Final = 1970
MAX_CLOCK_YEAR: Final = 2499
MAX_CLOCK_STEP_MS: Final = 3600 * 1000

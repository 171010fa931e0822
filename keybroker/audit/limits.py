"""Limits of the audit log, each with its reason."""

from __future__ import annotations

# A leaf holds digests, ids and short names only; C2SP entry bundles have a 16-bit length as well.
MAX_LEAF_BYTES = 65_535

# Names in a leaf come from documents whose own limits are lower; this bounds a leaf by itself.
MAX_TEXT = 512

# Sizes are stored as signed 64-bit integers; a tree of 2^62 leaves has 62 levels.
MAX_TREE_SIZE = 1 << 62

# Hence no proof is longer: 62 levels for inclusion, 62 + 2 for consistency.
MAX_PROOF_HASHES = 64

# C2SP asks for at least 16 signatures; post-quantum cosignatures are up to 5 kB each.
MAX_SIGNATURES = 16
MAX_NOTE_BYTES = 128 * 1024

# The note, 64 hashes of 45 bytes, two short lines.
MAX_PROOF_BYTES = MAX_NOTE_BYTES + 4 * 1024

# An origin is a schema-less URL.
MAX_ORIGIN = 255

# Rules that denied, guardrails that applied: more than a page of them explains nothing.
MAX_LIST = 64

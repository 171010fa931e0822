"""Limits of the store, each with its reason."""

from __future__ import annotations

# `PRAGMA trusted_schema` is silently ignored by anything older.
MIN_SQLITE = (3, 31, 0)

# "SWKB" in the file header: no other program's database is taken for ours.
APPLICATION_ID = 0x53574B42

# Records per transaction: enough to share one fsync among all waiting clients, small enough that
# nobody waits for more than a few milliseconds of other people's statements.
MAX_BATCH = 128

# Rows deleted per transaction, so that a purge never holds up a release for long.
PURGE_BATCH = 1_000

# A reader waits this long for the moment in which a checkpoint restarts the write-ahead log.
BUSY_MILLISECONDS = 5_000

# Memory of each connection for pages, in KiB: the hot B-tree roots of every table fit.
CACHE_KIB = 4_096

# The write-ahead log file is cut back to this after a checkpoint.
WAL_BYTES = 16 * 1024 * 1024

# Keys that follow one that the operator countersigned, revoked ones included: as many as a chain of
# key statements holds (owner-keys.md, C1). Whoever has stolen a key makes no more than these, each
# with a copy of its owner's policies, before the operator is asked again.
KEYS_OF_LINE = 16

# All policy versions of one key with what was signed, in bytes: some thousand of the largest that
# people write. It bounds a rotation, which copies the newest, and memory, where they are compiled.
POLICY_BYTES_OF_OWNER = 64 * 1024 * 1024

# Artifacts and modules that one key has revoked one by one; a range of versions is one. The key
# itself can always be revoked.
REVOCATIONS_OF_OWNER = 10_000

# Reader connections kept open: one per thread of a busy server.
IDLE_READERS = 64

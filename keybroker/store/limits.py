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

# Reader connections kept open: one per thread of a busy server.
IDLE_READERS = 64

"""Every bound of the engine and the WASI host that no policy sets, each with its reason."""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# Yosys, the largest real program at hand, has 69 MB; this leaves room for three of it. The sealed
# format takes 512 MiB, so that other runners may; compiling that much is not what this one is for.
MAX_MODULE_BYTES: Final = 256 * MIB
# A lease with less left would be over before its module is compiled.
MIN_LEASE_SECONDS: Final = 5
# The engine quotes the module in its messages; a line is enough to act on.
MAX_ENGINE_MESSAGE_CHARACTERS: Final = 300
# Names of a module's imports and functions are its own choice, in number and length.
MAX_NAMES_SHOWN: Final = 32
MAX_NAME_CHARACTERS: Final = 100
# Frames of a guest's stack that are worth showing to its owner.
MAX_TRAP_FRAMES: Final = 32
# WASI preview 1 knows one memory; modules from today's toolchains have one table, some two.
MAX_MEMORIES: Final = 1
MAX_TABLES: Final = 4

# IOV_MAX of Linux: more buffers in one call are not read, so a call's work stays bounded.
MAX_VECTORS: Final = 1024
# Go and libc ask for a handful; each costs us work before the guest runs again.
MAX_SUBSCRIPTIONS: Final = 1024
# PATH_MAX and NAME_MAX of Linux.
MAX_PATH_BYTES: Final = 4096
MAX_NAME_BYTES: Final = 255
# Folders are walked, and handed back by the supervisor, name by name; real trees have under twenty.
MAX_PATH_DEPTH: Final = 32
# MAXSYMLINKS of Linux.
MAX_SYMLINKS: Final = 40
# Random bytes are made in pieces, so that a request for 4 GiB meets the wall-clock limit midway.
RANDOM_CHUNK_BYTES: Final = 64 * KIB
# Files are filled up with zeros in pieces of this size.
FILL_CHUNK_BYTES: Final = MIB
# Kinds of denial that a run reports one by one; a kind has one entry however often it happens.
MAX_DENIALS: Final = 64
MAX_DENIAL_CHARACTERS: Final = 120
# What a coarse clock rounds down to: enough for logs, too little to time a cache. Same as policies.
COARSE_CLOCK_NS: Final = 100_000_000
# Guests that find zero on a monotonic clock take it for broken (Go does), so it starts at a second.
MONOTONIC_START_NS: Final = 1_000_000_000

"""The hardened engine profile: every setting written down, none inherited from the engine.

Its digest goes into evidence and receipts, so "which engine settings ran this" has one answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import rfc8785

from runner.engine.binding import ENGINE_NAME, ENGINE_VERSION
from runner.errors import RunnerCode, RunnerError
from runner.limits import KIB, MIB

CRANELIFT: Final = 1
OPTIMIZE_NOTHING: Final = 0
OPTIMIZE_SPEED: Final = 1
REGALLOC_BACKTRACKING: Final = 0
NO_PROFILER: Final = 0
GIB: Final = 1024 * MIB

# What a policy may name under `features`, and the settings that each needs.
FEATURES: Final[Mapping[str, tuple[str, ...]]] = {
    "simd": ("wasm_simd",),
    "relaxed-simd": ("wasm_simd", "wasm_relaxed_simd"),
    "tail-calls": ("wasm_tail_call",),
    "wide-arithmetic": ("wasm_wide_arithmetic",),
}

# Features of the language that this runner refuses by name, and why.
UNSUPPORTED: Final[Mapping[str, str]] = {
    "custom-page-sizes": "guest memory is checked in pages of 64 KiB",
    "exceptions": "they need the engine's garbage collector, which is off",
    "function-references": "they need the engine's garbage collector, which is off",
    "gc": "the engine's garbage collector is off",
    "memory64": "WASI preview 1 has 32-bit pointers",
    "multi-memory": "WASI preview 1 knows one memory",
    "threads": "WASI preview 1 has no threads",
}

BASE_SETTINGS: Final[Mapping[str, bool | int]] = {
    # Winch, the other compiler, has had sandbox escapes (CVE-2026-34987).
    "strategy": CRANELIFT,
    "cranelift_opt_level": OPTIMIZE_SPEED,
    "cranelift_regalloc_algorithm": REGALLOC_BACKTRACKING,
    "cranelift_debug_verifier": False,
    "cranelift_nan_canonicalization": False,
    "parallel_compilation": True,
    "profiler": NO_PROFILER,
    "debug_info": False,
    "native_unwind_info": True,
    # Both ways to stop a guest: fuel counts the same on every machine, epochs obey the clock.
    "consume_fuel": True,
    "epoch_interruption": True,
    "max_wasm_stack": 512 * KIB,
    # Not used, but the engine aborts the process if a guest's stack is to be larger; 4 MiB is the
    # most that a policy can name.
    "async_stack_size": 8 * MIB,
    # Guard pages and signals back up the compiled bounds checks (CVE-2026-24116).
    "signals_based_traps": True,
    # The memory never moves, so a view of it stays valid while it grows.
    "memory_may_move": False,
    "memory_reservation": 4 * GIB,
    "memory_reservation_for_growth": 0,
    "memory_guard_size": 32 * MIB,
    # Copy-on-write keeps a second copy of the module's data in a memfd.
    "memory_init_cow": False,
    # What compilers emit by default today. Reference types are needed for any indirect call that
    # LLVM writes; without the collector they come down to function tables.
    "wasm_bulk_memory": True,
    "wasm_multi_value": True,
    "wasm_reference_types": True,
    "wasm_simd": False,
    "wasm_relaxed_simd": False,
    "wasm_relaxed_simd_deterministic": True,
    "wasm_tail_call": False,
    "wasm_wide_arithmetic": False,
    "wasm_threads": False,
    "shared_memory": False,
    "wasm_function_references": False,
    "wasm_gc": False,
    "gc_support": False,
    "wasm_multi_memory": False,
    "wasm_memory64": False,
    "wasm_branch_hinting": False,
    "wasm_exceptions": False,
    "wasm_custom_page_sizes": False,
    "wasm_compact_imports": False,
    "wasm_stack_switching": False,
    "wasm_component_model": False,
    "wasm_component_model_map": False,
    "wasm_component_model_implements": False,
    "wasm_component_model_canonical_names": False,
    "wasm_component_model_accessors": False,
    "wasm_component_model_async": False,
    "wasm_component_model_more_async_builtins": False,
    "wasm_component_model_async_stackful": False,
    "concurrency_support": False,
}


@dataclass(frozen=True, slots=True)
class Profile:
    """One complete set of engine settings."""

    settings: Mapping[str, bool | int]

    def to_document(self) -> dict[str, Any]:
        """What the digest is taken of: the engine, its version, and every setting."""
        return {
            "engine": ENGINE_NAME,
            "version": ENGINE_VERSION,
            "settings": dict(self.settings),
        }

    @property
    def digest(self) -> str:
        """SHA-256 over the RFC 8785 encoding of `to_document()`."""
        return f"sha256:{hashlib.sha256(rfc8785.dumps(self.to_document())).hexdigest()}"


BASE_PROFILE: Final = Profile(BASE_SETTINGS)


def profile_for(features: Iterable[str], *, stack_bytes: int, deterministic: bool) -> Profile:
    """The base profile plus what a grant names. Raises `RunnerError` for a feature we lack."""
    settings = dict(BASE_SETTINGS)
    settings["max_wasm_stack"] = stack_bytes
    # A NaN's payload depends on the machine unless it is made canonical.
    settings["cranelift_nan_canonicalization"] = deterministic
    for feature in features:
        if feature not in FEATURES:
            why = UNSUPPORTED.get(feature, "it is unknown")
            detail = f"feature {feature} cannot be granted by this runner: {why}"
            raise RunnerError(RunnerCode.FEATURE_UNSUPPORTED, detail)
        settings.update(dict.fromkeys(FEATURES[feature], True))
    return Profile(settings)

"""The part of wasmtime's C API that we call: structures, callbacks and prototypes.

Written from wasm.h and wasmtime/*.h of the pinned version. Opaque pointers are plain addresses.
"""

from __future__ import annotations

import ctypes
from ctypes import c_bool, c_char_p, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p
from typing import Any, ClassVar, Final

# wasm.h and wasmtime/extern.h
KIND_FUNCTION: Final = 0
KIND_MEMORY: Final = 3
# wasmtime/trap.h: the codes that are not a fault of the guest.
TRAP_INTERRUPT: Final = 10
TRAP_OUT_OF_FUEL: Final = 11
# One wasmtime_val_raw_t is 16 bytes: four 32-bit words.
RAW_WORDS: Final = 4

# (env, caller, args_and_results, count) -> trap or 0. The words are read unsigned.
HostCallback = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_void_p, ctypes.POINTER(c_uint32), c_size_t)
Finalizer = ctypes.CFUNCTYPE(None, c_void_p)
GetMemory = ctypes.CFUNCTYPE(c_size_t, c_void_p, ctypes.POINTER(c_size_t), ctypes.POINTER(c_size_t))
GrowMemory = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_size_t)
NO_FINALIZER: Final = Finalizer()

Field = tuple[str, Any]


class Vector(ctypes.Structure):
    """Any `wasm_*_vec_t`: how many, and where."""

    _fields_: ClassVar[list[Field]] = [("size", c_size_t), ("data", ctypes.POINTER(c_void_p))]


class Name(ctypes.Structure):
    """`wasm_name_t` and `wasm_byte_vec_t`."""

    _fields_: ClassVar[list[Field]] = [("size", c_size_t), ("data", c_void_p)]


class Instance(ctypes.Structure):
    """`wasmtime_instance_t`."""

    _fields_: ClassVar[list[Field]] = [("store_id", c_uint64), ("index", c_size_t)]


class Extern(ctypes.Structure):
    """`wasmtime_extern_t`: a kind, then a union whose widest member is 24 bytes."""

    _fields_: ClassVar[list[Field]] = [("kind", c_uint8), ("of", c_uint64 * 3)]


class LinearMemory(ctypes.Structure):
    """`wasmtime_linear_memory_t`."""

    _fields_: ClassVar[list[Field]] = [
        ("env", c_void_p),
        ("get_memory", GetMemory),
        ("grow_memory", GrowMemory),
        ("finalizer", Finalizer),
    ]


NewMemory = ctypes.CFUNCTYPE(
    c_size_t, c_void_p, c_void_p, c_size_t, c_size_t, c_size_t, c_size_t,
    ctypes.POINTER(LinearMemory),
)  # fmt: skip


class MemoryCreator(ctypes.Structure):
    """`wasmtime_memory_creator_t`."""

    _fields_: ClassVar[list[Field]] = [
        ("env", c_void_p),
        ("new_memory", NewMemory),
        ("finalizer", Finalizer),
    ]


# fmt: off
_BOOL_SETTINGS: Final = (
    "debug_info", "consume_fuel", "epoch_interruption", "wasm_threads", "shared_memory",
    "wasm_tail_call", "wasm_reference_types", "wasm_function_references", "wasm_gc",
    "gc_support", "wasm_simd", "wasm_relaxed_simd", "wasm_relaxed_simd_deterministic",
    "wasm_bulk_memory", "wasm_multi_value", "wasm_multi_memory", "wasm_memory64",
    "wasm_wide_arithmetic", "wasm_branch_hinting", "wasm_exceptions", "wasm_custom_page_sizes",
    "wasm_compact_imports", "wasm_stack_switching", "parallel_compilation",
    "cranelift_debug_verifier", "cranelift_nan_canonicalization", "memory_may_move",
    "native_unwind_info", "signals_based_traps", "memory_init_cow", "wasm_component_model",
    "concurrency_support", "wasm_component_model_map", "wasm_component_model_implements",
    "wasm_component_model_canonical_names", "wasm_component_model_accessors",
    "wasm_component_model_async", "wasm_component_model_more_async_builtins",
    "wasm_component_model_async_stackful",
)
# fmt: on
_CHOICE_SETTINGS: Final = [
    "strategy",
    "cranelift_opt_level",
    "cranelift_regalloc_algorithm",
    "profiler",
]
_SIZE_SETTINGS: Final = {
    "max_wasm_stack": c_size_t,
    "async_stack_size": c_uint64,
    "memory_reservation": c_uint64,
    "memory_guard_size": c_uint64,
    "memory_reservation_for_growth": c_uint64,
}
SETTINGS: Final = (
    frozenset(_BOOL_SETTINGS) | frozenset(_CHOICE_SETTINGS) | frozenset(_SIZE_SETTINGS)
)

_P = c_void_p
# name: (result, arguments). Opaque pointers are plain addresses.
PROTOTYPES: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "wasm_config_new": (_P, ()),
    "wasm_engine_new_with_config": (_P, (_P,)),
    "wasm_engine_delete": (None, (_P,)),
    "wasmtime_config_host_memory_creator_set": (None, (_P, ctypes.POINTER(MemoryCreator))),
    "wasmtime_engine_increment_epoch": (None, (_P,)),
    "wasmtime_module_new": (_P, (_P, _P, c_size_t, ctypes.POINTER(_P))),
    "wasmtime_module_delete": (None, (_P,)),
    "wasmtime_module_imports": (None, (_P, ctypes.POINTER(Vector))),
    "wasmtime_module_exports": (None, (_P, ctypes.POINTER(Vector))),
    "wasm_importtype_module": (ctypes.POINTER(Name), (_P,)),
    "wasm_importtype_name": (ctypes.POINTER(Name), (_P,)),
    "wasm_importtype_type": (_P, (_P,)),
    "wasm_importtype_vec_delete": (None, (ctypes.POINTER(Vector),)),
    "wasm_exporttype_name": (ctypes.POINTER(Name), (_P,)),
    "wasm_exporttype_type": (_P, (_P,)),
    "wasm_exporttype_vec_delete": (None, (ctypes.POINTER(Vector),)),
    "wasm_externtype_kind": (c_uint8, (_P,)),
    "wasm_externtype_as_functype_const": (_P, (_P,)),
    "wasm_functype_new": (_P, (ctypes.POINTER(Vector), ctypes.POINTER(Vector))),
    "wasm_functype_delete": (None, (_P,)),
    "wasm_functype_params": (ctypes.POINTER(Vector), (_P,)),
    "wasm_functype_results": (ctypes.POINTER(Vector), (_P,)),
    "wasm_valtype_new": (_P, (c_uint8,)),
    "wasm_valtype_kind": (c_uint8, (_P,)),
    "wasm_valtype_vec_new": (None, (ctypes.POINTER(Vector), c_size_t, ctypes.POINTER(_P))),
    "wasmtime_linker_new": (_P, (_P,)),
    "wasmtime_linker_delete": (None, (_P,)),
    "wasmtime_linker_define_func_unchecked": (
        _P, (_P, c_char_p, c_size_t, c_char_p, c_size_t, _P, HostCallback, _P, Finalizer),
    ),
    "wasmtime_linker_instantiate_pre": (_P, (_P, _P, ctypes.POINTER(_P))),
    "wasmtime_instance_pre_delete": (None, (_P,)),
    "wasmtime_instance_pre_instantiate": (
        _P, (_P, _P, ctypes.POINTER(Instance), ctypes.POINTER(_P)),
    ),
    "wasmtime_instance_export_get": (
        c_bool, (_P, ctypes.POINTER(Instance), c_char_p, c_size_t, ctypes.POINTER(Extern)),
    ),
    "wasmtime_store_new": (_P, (_P, _P, Finalizer)),
    "wasmtime_store_context": (_P, (_P,)),
    "wasmtime_store_limiter": (None, (_P, c_int64, c_int64, c_int64, c_int64, c_int64)),
    "wasmtime_store_delete": (None, (_P,)),
    "wasmtime_context_set_fuel": (_P, (_P, c_uint64)),
    "wasmtime_context_get_fuel": (_P, (_P, ctypes.POINTER(c_uint64))),
    "wasmtime_context_set_epoch_deadline": (None, (_P, c_uint64)),
    "wasmtime_memory_data_size": (c_size_t, (_P, _P)),
    "wasmtime_func_call_unchecked": (_P, (_P, _P, _P, c_size_t, ctypes.POINTER(_P))),
    "wasmtime_trap_new_code": (_P, (c_uint8,)),
    "wasmtime_trap_code": (c_bool, (_P, ctypes.POINTER(c_uint8))),
    "wasm_trap_trace": (None, (_P, ctypes.POINTER(Vector))),
    "wasm_trap_delete": (None, (_P,)),
    "wasm_frame_vec_delete": (None, (ctypes.POINTER(Vector),)),
    "wasm_frame_func_index": (c_uint32, (_P,)),
    "wasm_frame_module_offset": (c_size_t, (_P,)),
    "wasmtime_frame_func_name": (ctypes.POINTER(Name), (_P,)),
    "wasmtime_error_new": (_P, (c_char_p,)),
    "wasmtime_error_message": (None, (_P, ctypes.POINTER(Name))),
    "wasmtime_error_delete": (None, (_P,)),
    "wasm_byte_vec_delete": (None, (ctypes.POINTER(Name),)),
    **{f"wasmtime_config_{name}_set": (None, (_P, c_bool)) for name in _BOOL_SETTINGS},
    **{f"wasmtime_config_{name}_set": (None, (_P, c_uint8)) for name in _CHOICE_SETTINGS},
    **{f"wasmtime_config_{name}_set": (None, (_P, kind)) for name, kind in _SIZE_SETTINGS.items()},
}  # fmt: skip

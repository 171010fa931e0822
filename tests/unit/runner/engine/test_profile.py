"""The engine profile: hardened, written out in full, and with a digest of its own."""

from __future__ import annotations

import pytest

from policies.models.capability import Feature
from runner.engine.engine import Engine, Module
from runner.engine.profile import BASE_PROFILE, FEATURES, UNSUPPORTED, profile_for
from runner.errors import RunnerCode, RunnerError
from tests.guests.build import wat

# What an advisory of the last two years was about, or what nobody needs.
OFF = [
    "debug_info", "memory_init_cow", "memory_may_move", "shared_memory", "wasm_threads",
    "gc_support", "wasm_gc", "wasm_exceptions", "wasm_function_references", "wasm_tail_call",
    "wasm_memory64", "wasm_multi_memory", "wasm_stack_switching", "wasm_custom_page_sizes",
    "wasm_simd", "wasm_relaxed_simd", "wasm_component_model", "wasm_component_model_async",
    "concurrency_support",
]  # fmt: skip


@pytest.mark.parametrize("name", OFF)
def test_off_unless_granted(name: str) -> None:
    assert BASE_PROFILE.settings[name] is False


@pytest.mark.parametrize("name", ["consume_fuel", "epoch_interruption", "signals_based_traps"])
def test_on_always(name: str) -> None:
    for features in ([], list(FEATURES)):
        profile = profile_for(features, stack_bytes=65536, deterministic=False)
        assert profile.settings[name] is True


def test_the_digest_is_of_every_setting() -> None:
    assert BASE_PROFILE.to_document()["version"] == "50.0.1"
    assert BASE_PROFILE.digest.startswith("sha256:")
    made = [
        BASE_PROFILE,
        profile_for([], stack_bytes=65536, deterministic=False),
        profile_for([], stack_bytes=512 * 1024, deterministic=True),
        *[profile_for([name], stack_bytes=512 * 1024, deterministic=False) for name in FEATURES],
    ]
    assert len({profile.digest for profile in made}) == len(made)
    same = profile_for([], stack_bytes=512 * 1024, deterministic=False)
    assert same.digest == BASE_PROFILE.digest


def test_every_feature_a_policy_can_name_is_run_or_refused_by_name() -> None:
    assert set(Feature.__args__) == set(FEATURES) | set(UNSUPPORTED)  # type: ignore[attr-defined]
    for name in UNSUPPORTED:
        with pytest.raises(RunnerError, match=f"feature {name} cannot be granted") as refused:
            profile_for([name], stack_bytes=65536, deterministic=False)
        assert refused.value.code is RunnerCode.FEATURE_UNSUPPORTED


SAMPLES = {
    "simd": "(module (func (drop (v128.const i32x4 0 0 0 0))))",
    "relaxed-simd": """(module (func (param v128) (result v128)
        (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))""",
    "tail-calls": "(module (func $f (return_call $f)))",
    "wide-arithmetic": """(module (func (result i64 i64)
        (i64.mul_wide_u (i64.const 1) (i64.const 2))))""",
    "threads": "(module (memory 1 1 shared))",
    "memory64": "(module (memory i64 1))",
    "multi-memory": "(module (memory 1) (memory 1))",
    "exceptions": "(module (tag (param i32)))",
    "function-references": "(module (type $t (func)) (func (param (ref $t))))",
    "gc": "(module (type (struct (field i32))))",
    "custom-page-sizes": "(module (memory 1 (pagesize 1)))",
}


@pytest.mark.parametrize("feature", SAMPLES)
def test_a_module_that_needs_a_feature_is_told_which(feature: str) -> None:
    has = ["simd"] if feature == "relaxed-simd" else []
    engine = Engine(profile_for(has, stack_bytes=65536, deterministic=False))
    try:
        with pytest.raises(RunnerError) as refused:
            Module(engine, wat(SAMPLES[feature]))
    finally:
        engine.close()
    if feature in FEATURES:
        assert refused.value.code is RunnerCode.FEATURE_NOT_GRANTED
        assert refused.value.remedy == f"spec:\n  features: [{feature}]"
    else:
        assert refused.value.code in {RunnerCode.FEATURE_UNSUPPORTED, RunnerCode.MODULE_INVALID}


@pytest.mark.parametrize("feature", FEATURES)
def test_a_granted_feature_is_on(feature: str) -> None:
    engine = Engine(profile_for([feature], stack_bytes=65536, deterministic=False))
    Module(engine, wat(SAMPLES[feature])).close()
    engine.close()

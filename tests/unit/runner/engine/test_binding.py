"""Our prototypes are those of the installed engine, and a wrong one is noticed at start."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from runner.engine import binding, capi, selftest
from runner.engine.binding import ENGINE_VERSION, Library, address_of, library_path
from runner.engine.profile import BASE_PROFILE
from runner.errors import RunnerCode, RunnerError


def kind(value: object) -> str:
    """Pointers are all alike; numbers are told apart by size and sign."""
    if value is None:
        return "nothing"
    if value is ctypes.c_void_p or not hasattr(value, "_type_"):
        return "pointer" if ctypes.sizeof(value) == 8 else repr(value)  # type: ignore[arg-type]
    code = value._type_
    return code if isinstance(code, str) and code not in "zP" else "pointer"


@pytest.mark.parametrize("name", capi.PROTOTYPES)
def test_prototypes_are_those_of_the_package(name: str) -> None:
    from wasmtime import _bindings

    function = getattr(_bindings, f"_{name}")
    result, arguments = capi.PROTOTYPES[name]
    assert kind(result) == kind(function.restype)
    assert [kind(argument) for argument in arguments] == [
        kind(argument) for argument in function.argtypes
    ]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (capi.Vector, "wasm_importtype_vec_t"),
        (capi.Name, "wasm_byte_vec_t"),
        (capi.Instance, "wasmtime_instance_t"),
        (capi.Extern, "wasmtime_extern_t"),
        (capi.LinearMemory, "wasmtime_linear_memory_t"),
        (capi.MemoryCreator, "wasmtime_memory_creator_t"),
        (ctypes.c_uint32 * capi.RAW_WORDS, "wasmtime_val_raw_t"),
    ],
)
def test_structures_are_those_of_the_package(ours: type, theirs: str) -> None:
    from wasmtime import _bindings

    other = getattr(_bindings, theirs)
    assert ctypes.sizeof(ours) == ctypes.sizeof(other)
    for name, _ in getattr(ours, "_fields_", []):
        mine, its = getattr(ours, name), getattr(other, name, None)
        assert its is None or (mine.offset, mine.size) == (its.offset, its.size)


def test_the_engine_package_itself_is_never_imported() -> None:
    code = "import sys, runner.engine as e; e.run_module; import runner.engine.selftest as s;"
    code += "s.require_working_engine(); sys.exit('wasmtime' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_library_is_found_without_importing_its_package() -> None:
    assert library_path().name == "_libwasmtime.so"


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "ENGINE_VERSION", "49.0.0")
    with pytest.raises(RunnerError) as refused:
        library_path()
    assert refused.value.code is RunnerCode.ENGINE_UNUSABLE
    assert f"found wasmtime-{ENGINE_VERSION}.dist-info, expected 49.0.0" in refused.value.detail
    assert "pip install wasmtime==" in refused.value.remedy


def test_a_missing_engine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "ENGINE_NAME", "no_such_engine")
    with pytest.raises(RunnerError, match="no_such_engine is not installed"):
        library_path()


def test_a_machine_without_a_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding.sys, "platform", "plan9")
    with pytest.raises(RunnerError, match="no engine library for plan9"):
        library_path()


def test_a_missing_function_is_named() -> None:
    with pytest.raises(RunnerError, match="the engine library has no wasm_config_new"):
        Library(ctypes.CDLL(None))


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("ARGUMENTS", (1, 2, 3, 4), "host call arguments"),
        ("PAGE", 1, "memory"),
        ("MODULE", selftest.MODULE[:-2] + b"\x01\x0b", "end"),
    ],
)
def test_the_self_test_notices(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object, what: str
) -> None:
    monkeypatch.setattr(selftest, name, value)
    with pytest.raises(RunnerError, match=f"self-test: {what} is"):
        selftest.require_working_engine.__wrapped__()


def test_every_setting_of_the_engine_is_in_the_profile() -> None:
    from wasmtime import _bindings

    known = {
        name.removeprefix("_wasmtime_config_").removesuffix("_set")
        for name in vars(_bindings)
        if name.startswith("_wasmtime_config_") and name.endswith("_set")
    }
    # Objects rather than settings, another system's, or the compiler's own target.
    others = {"cranelift_flag", "host_memory_creator", "host_stack_creator", "macos_use_mach_ports"}
    assert known - others - {"target"} == set(BASE_PROFILE.settings) == capi.SETTINGS


@pytest.mark.parametrize("make", [bytes, bytearray, lambda raw: memoryview(bytearray(raw))[1:]])
def test_addresses_are_those_of_the_bytes_themselves(make: object) -> None:
    buffer = make(b"\0abc")  # type: ignore[operator]
    with address_of(buffer) as (address, length):
        assert ctypes.string_at(address, length) == bytes(buffer)
    if isinstance(buffer, bytearray):
        buffer.append(1)


def test_only_the_engine_part_names_the_engine() -> None:
    package = Path(selftest.__file__).resolve().parent.parent
    naming = [
        path for path in package.rglob("*.py") if "_libwasmtime" in path.read_text(encoding="utf-8")
    ]
    assert naming == [package / "engine" / "binding.py"]

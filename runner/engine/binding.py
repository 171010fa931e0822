"""wasmtime's C API, and nothing else of it: the one place that knows where the library lies.

The Python package around it is not imported: it costs 40 ms at start and copies module bytes on
the way. Our own prototypes replace it; tests compare each with the package's, and `selftest.py`
makes a real call at every start. The version is pinned exactly: layouts may change with it.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_char_p, c_void_p
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from runner.engine.capi import PROTOTYPES, Field, Name
from runner.errors import RunnerCode, RunnerError

ENGINE_NAME: Final = "wasmtime"
# Older versions have known sandbox escapes; newer ones were not checked by us.
ENGINE_VERSION: Final = "50.0.1"


def unusable(detail: str) -> RunnerError:
    """The engine cannot be used at all; the remedy is always the same."""
    remedy = f"python -m pip install {ENGINE_NAME}=={ENGINE_VERSION}"
    return RunnerError(RunnerCode.ENGINE_UNUSABLE, detail, remedy)


class Library:
    """The C API as attributes: `library.wasm_config_new()`. One per process, from `library()`."""

    def __init__(self, handle: ctypes.CDLL) -> None:
        # Keeps the library mapped for as long as somebody can call into it.
        self._handle = handle
        for name, (result, arguments) in PROTOTYPES.items():
            try:
                function = ctypes.CFUNCTYPE(result, *arguments)((name, handle))
            except AttributeError as error:
                raise unusable(f"the engine library has no {name}") from error
            setattr(self, name, function)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def configure(self, config: int, name: str, value: bool | int) -> None:  # noqa: FBT001
        """Set one engine setting by the name it has in `SETTINGS`."""
        getattr(self, f"wasmtime_config_{name}_set")(config, value)

    def take_message(self, error: int) -> str:
        """The text of a `wasmtime_error_t`, which is deleted."""
        name = Name()
        self.wasmtime_error_message(error, ctypes.byref(name))
        text = name_text(name)
        self.wasm_byte_vec_delete(ctypes.byref(name))
        self.wasmtime_error_delete(error)
        return text


def name_text(name: Name) -> str:
    """The text of a `wasm_name_t`; bytes that are no UTF-8 are replaced."""
    if not name.size:
        return ""
    return ctypes.string_at(name.data, name.size).decode("utf-8", "replace")


def library_path() -> Path:
    """Where the pinned engine's library lies, or raise `RunnerError`."""
    spec = importlib.util.find_spec(ENGINE_NAME)
    if spec is None or spec.origin is None:
        raise unusable(f"{ENGINE_NAME} is not installed")
    package = Path(spec.origin).parent
    if not (package.parent / f"{ENGINE_NAME}-{ENGINE_VERSION}.dist-info").is_dir():
        found = sorted(path.name for path in package.parent.glob(f"{ENGINE_NAME}-*.dist-info"))
        raise unusable(f"found {', '.join(found) or 'no version'}, expected {ENGINE_VERSION}")
    machine = os.uname().machine
    path = package / f"{sys.platform}-{machine}" / "_libwasmtime.so"
    if not path.is_file():
        raise unusable(f"no engine library for {sys.platform} on {machine}")
    return path


@cache
def library() -> Library:
    """The engine's C API, found and bound once. Raises `RunnerError` if it is another version."""
    return Library(ctypes.CDLL(str(library_path())))


class _BufferView(ctypes.Structure):
    """CPython's `Py_buffer`, stable since 3.11 (PEP 688 and the limited API)."""

    _fields_: ClassVar[list[Field]] = [
        ("buf", c_void_p),
        ("obj", c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", c_char_p),
        ("shape", c_void_p),
        ("strides", c_void_p),
        ("suboffsets", c_void_p),
        ("internal", c_void_p),
    ]


@contextmanager
def address_of(buffer: bytes | bytearray | memoryview) -> Iterator[tuple[int, int]]:
    """Address and length of the bytes themselves, valid inside the block; nothing is copied."""
    view = _BufferView()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(buffer), ctypes.byref(view), 0)
    try:
        yield view.buf or 0, view.len
    finally:
        ctypes.pythonapi.PyBuffer_Release(ctypes.byref(view))

"""In a locked worker instead of its main loop: tries what it is told, says what happened."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import resource
import socket
import threading
import time

from runner.worker import messages
from runner.worker.frames import Channel
from runner.worker.kernel import LinuxKernel
from runner.worker.lockdown import Lockdown

LIBC = ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "libc")


def allow_core_files() -> None:
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    except ValueError as error:  # how Python says EPERM here
        raise OSError(errno.EPERM, "setrlimit") from error


def code_page() -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)


def grow_memory() -> None:
    bytearray(64 << 20)


def run_a_thread() -> None:
    thread = threading.Thread(target=time.sleep, args=(0.001,))
    thread.start()
    thread.join()


def in_an_older_thread() -> None:
    """The filter must have reached threads that were there before."""
    OLDER.attempt.set()
    OLDER.done.wait()
    if OLDER.error:
        raise OSError(OLDER.error, "older thread")


class OlderThread(threading.Thread):
    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.attempt, self.done, self.error = threading.Event(), threading.Event(), 0

    def run(self) -> None:
        self.attempt.wait()
        try:
            os.open("/etc/passwd", os.O_RDONLY)
        except OSError as error:
            self.error = error.errno or 0
        self.done.set()


OLDER = OlderThread()

ATTEMPTS = {
    "nothing": lambda: None,
    "open": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "open-own-memory": lambda: os.open("/proc/self/mem", os.O_RDWR),
    "create": lambda: os.open("/tmp/sealwasm-probe", os.O_CREAT | os.O_WRONLY),
    "list": lambda: os.listdir("/"),
    "socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "fork": os.fork,
    "signal-parent": lambda: os.kill(os.getppid(), 0),
    "memfd": lambda: os.memfd_create("x"),
    "pipe": os.pipe,
    "executable-page": code_page,
    "more-core": allow_core_files,
    "dumpable": lambda: checked(LIBC.prctl(4, 1, 0, 0, 0)),
    "mount": lambda: checked(LIBC.mount(b"x", b"/", b"tmpfs", 0, None)),
    "older-thread": in_an_older_thread,
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "ptrace": lambda: checked(LIBC.ptrace(0, 0, 0, 0)),
    "read-parent": lambda: checked(LIBC.process_vm_readv(os.getppid(), None, 0, None, 0, 0)),
    "grow-memory": grow_memory,
    "thread": run_a_thread,
    "clock": lambda: time.sleep(0.001),
    "random": lambda: os.urandom(16),
}


def main(descriptor: int, parent: int) -> None:
    lockdown = Lockdown(LinuxKernel())
    lockdown.enter(parent=parent)
    channel = Channel(descriptor)
    OLDER.start()
    environment = len(os.environ)
    report = lockdown.complete(frozenset())
    say(channel, f"{os.getpid()} {environment} {' '.join(report.held)}")
    while True:
        name = bytes(channel.receive(messages.from_supervisor).body).decode()
        try:
            ATTEMPTS[name]()
        except OSError as error:
            say(channel, errno.errorcode[error.errno or 0])
        else:
            say(channel, "ok")


def say(channel: Channel, text: str) -> None:
    channel.send(messages.Failed(code="probe", detail=text, remedy="", reason="").to_header())

"""Simulated configfs-tsm as a real mount, through FUSE: what a guest's kernel shows, to any reader.

Run as a program: `python -m tests.fakes.configfs_mount PLATFORM MEASUREMENT MOUNTPOINT`.
"""

from __future__ import annotations

import errno
import stat
import sys
from pathlib import Path

import mfusepy

from attestation.simulated.configfs import ATTRIBUTES, SimulatedConfigfs
from attestation.simulated.platforms import load_platform

SIZE = 64 * 1024


class TsmOperations(mfusepy.Operations):
    """Paths and errors of FUSE in front of a `SimulatedConfigfs`."""

    use_ns = True

    def __init__(self, tree: SimulatedConfigfs) -> None:
        self.tree = tree

    def getattr(self, path, fh=None):
        parts = Path(path).parts[1:]
        if not parts or (len(parts) == 1 and parts[0] in self.tree.requests):
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if len(parts) == 2 and parts[0] in self.tree.requests and parts[1] in ATTRIBUTES:
            return {"st_mode": stat.S_IFREG | 0o644, "st_nlink": 1, "st_size": SIZE}
        raise mfusepy.FuseOSError(errno.ENOENT)

    def readdir(self, path, fh):
        inside = self.tree.requests if path == "/" else ATTRIBUTES
        return [".", "..", *inside]

    def mkdir(self, path, mode):
        return self._ask(self.tree.make, path.lstrip("/"))

    def rmdir(self, path):
        return self._ask(self.tree.remove, path.lstrip("/"))

    def open(self, path, flags):
        return 0

    def truncate(self, path, length, fh=None):
        return 0

    def read(self, path, size, offset, fh):
        name, attribute = Path(path).parts[1:]
        try:
            return self.tree.read(name, attribute)[offset : offset + size]
        except OSError as error:
            raise mfusepy.FuseOSError(error.errno) from error

    def write(self, path, data, offset, fh):
        name, attribute = Path(path).parts[1:]
        self._ask(self.tree.write, name, attribute, bytes(data))
        return len(data)

    def _ask(self, verb, *arguments):
        try:
            verb(*arguments)
        except OSError as error:
            raise mfusepy.FuseOSError(error.errno) from error
        return 0


def main() -> None:
    platform, measurement, mountpoint = sys.argv[1:]
    guest = load_platform(Path(platform)).launch(bytes.fromhex(measurement))
    operations = TsmOperations(SimulatedConfigfs(guest))
    mfusepy.FUSE(
        operations, mountpoint, foreground=True, nothreads=True, direct_io=True, fsname="tsm"
    )


if __name__ == "__main__":
    main()

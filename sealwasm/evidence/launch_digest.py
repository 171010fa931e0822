"""What an SEV-SNP guest will measure as, computed from what it is launched with.

The arithmetic is that of `sev-snp-measure` (virtee); this reads its input and says what is wrong.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sealwasm.failure import CliError, Kind

# Firmware images are 2 to 16 MiB; kernels and initial RAM disks are read whole as well.
FIRMWARE_BYTES = 64 << 20
IMAGE_BYTES = 4 << 30
# What QEMU can start.
MAX_VCPUS = 4096
VMMS = {"qemu": "QEMU", "ec2": "ec2", "gce": "gce"}


@dataclass(frozen=True, slots=True)
class Launch:
    """How a guest is launched. `guest_features` are SEV_FEATURES of its initial state."""

    firmware: str
    vcpus: int
    vcpu_type: str
    kernel: str | None = None
    initrd: str | None = None
    append: str | None = None
    guest_features: int = 1
    vmm: str = "qemu"


def snp_launch_digest(launch: Launch) -> bytes:
    """Return the 48 bytes that a report will show as MEASUREMENT.

    Not checked: that the firmware is the one a cloud uses. Raises `CliError`.
    """
    from sevsnpmeasure import guest, vcpu_types, vmm_types
    from sevsnpmeasure.sev_mode import SevMode

    _check(launch)
    if launch.vcpu_type not in vcpu_types.CPU_SIGS:
        raise CliError(
            Kind.USAGE,
            "vcpu-type-unknown",
            f"there is no processor type {launch.vcpu_type}",
            next_step=f"one of {', '.join(vcpu_types.CPU_SIGS)}",
        )
    try:
        digest: bytes = guest.calc_launch_digest(
            SevMode.SEV_SNP,
            launch.vcpus,
            vcpu_types.CPU_SIGS[launch.vcpu_type],
            launch.firmware,
            launch.kernel,
            launch.initrd,
            launch.append,
            launch.guest_features,
            vmm_type=vmm_types.VMMType[VMMS[launch.vmm]],
        )
    except (AssertionError, KeyError, OverflowError, RuntimeError, ValueError) as error:
        # The library raises any of these for firmware that is not what it expects.
        raise CliError(
            Kind.USAGE,
            "firmware-unsuitable",
            f"{launch.firmware} is no firmware that an SEV-SNP guest like this starts with",
            why=str(error),
            next_step="name the OVMF image that the guest is launched with, built for AMD SEV",
        ) from error
    return digest


def _check(launch: Launch) -> None:
    if not 1 <= launch.vcpus <= MAX_VCPUS:
        raise CliError(
            Kind.USAGE, "vcpus-invalid", f"--vcpus is {launch.vcpus}, expected 1 to {MAX_VCPUS}"
        )
    if launch.kernel is None and (launch.initrd or launch.append):
        raise CliError(
            Kind.USAGE,
            "kernel-missing",
            "an initial RAM disk or command line is measured with a kernel only",
            next_step="add --kernel FILE",
        )
    _check_file(launch.firmware, FIRMWARE_BYTES)
    for name in (launch.kernel, launch.initrd):
        if name is not None:
            _check_file(name, IMAGE_BYTES)


def _check_file(name: str, limit: int) -> None:
    path = Path(name)
    if not path.is_file() or not os.access(path, os.R_OK):
        raise CliError(
            Kind.NOT_FOUND,
            "file-not-found",
            f"no such file, or not a readable one: {name}",
            next_step=f"ls -l {path.parent}",
        )
    if path.stat().st_size > limit:
        raise CliError(Kind.USAGE, "file-too-large", f"{name} is larger than {limit} bytes")

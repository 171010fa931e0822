"""A PKCS#11 token in software: SoftHSM, with a folder of its own for each test."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from pkcs11.util.ec import encode_named_curve_parameters

LIBRARIES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/pkcs11/libsofthsm2.so")
PIN = "1234"
_EDWARDS = b"\x13\x0cedwards25519"
_SETTINGS = "directories.tokendir = {folder}\nobjectstore.backend = file\nlog.level = ERROR\n"


@dataclass(frozen=True)
class SoftToken:
    """A token called `owner`; its PIN is `PIN`."""

    folder: Path
    library: str

    @classmethod
    def start(cls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
        """Make an empty token, or skip the test where SoftHSM is not installed."""
        library = next((path for path in LIBRARIES if Path(path).exists()), None)
        if shutil.which("softhsm2-util") is None or library is None:
            pytest.skip("softhsm2 is not installed: `make tools` installs it on Debian and Ubuntu")
        (folder / "tokens").mkdir()
        settings = folder / "softhsm2.conf"
        settings.write_text(_SETTINGS.format(folder=folder / "tokens"))
        monkeypatch.setenv("SOFTHSM2_CONF", str(settings))
        token = cls(folder, library)
        token.add_token("owner")
        return token

    def add_token(self, label: str) -> None:
        command = ["softhsm2-util", "--init-token", "--free", "--label", label]
        subprocess.run(
            [*command, "--so-pin", "5678", "--pin", PIN], check=True, capture_output=True
        )
        # The library reads its folder when it is started.
        pkcs11.lib(self.library).reinitialize()

    def uri(self, key: str, more: str = "", token: str = "owner") -> str:
        return f"pkcs11:token={token}{key and ';' + key}?module-path={self.library}{more}"

    def open(self) -> Any:
        return pkcs11.lib(self.library).get_token(token_label="owner").open(rw=True, user_pin=PIN)

    def make_key(self, label: str, number: int, curve: str = "secp256r1", **private: Any) -> None:
        if curve == "edwards25519":
            kind, params, how = pkcs11.KeyType.EC_EDWARDS, _EDWARDS, "EC_EDWARDS_KEY_PAIR_GEN"
        else:
            kind, how = pkcs11.KeyType.EC, "EC_KEY_PAIR_GEN"
            params = encode_named_curve_parameters(curve)
        with self.open() as session:
            domain = session.create_domain_parameters(
                kind, {pkcs11.Attribute.EC_PARAMS: params}, local=True
            )
            domain.generate_keypair(
                mechanism=pkcs11.Mechanism[how],
                store=True,
                label=label,
                id=bytes([number]),
                private_template={pkcs11.Attribute[name]: what for name, what in private.items()},
            )

    def forget(self, label: str, kind: str) -> None:
        """Remove the `PUBLIC_KEY` or the `PRIVATE_KEY` of that label."""
        wanted = {
            pkcs11.Attribute.CLASS: pkcs11.ObjectClass[kind],
            pkcs11.Attribute.LABEL: label,
        }
        with self.open() as session:
            for found in list(session.get_objects(wanted)):
                found.destroy()

    def sign_with(self, label: str, other: str) -> None:
        """Put the private key `other` where the one called `label` was."""
        self.forget(label, "PRIVATE_KEY")
        wanted = {
            pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY,
            pkcs11.Attribute.LABEL: other,
        }
        with self.open() as session:
            (found,) = list(session.get_objects(wanted))
            found[pkcs11.Attribute.LABEL] = label

    def pull_out(self) -> None:
        """Take the token away, whoever is using it."""
        shutil.rmtree(self.folder / "tokens")
        (self.folder / "tokens").mkdir()
        pkcs11.lib(self.library).reinitialize()

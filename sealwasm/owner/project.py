"""What `sealwasm init` puts into a new owner's folder, as text; nothing here writes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sealwasm.demo.documents import MORE_CONDITIONS, PCR_CONDITION

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY: Final = "owner.key"
PUBLIC: Final = "owner.key.pub"
GRANT: Final = "grant.yaml"
RELEASE: Final = "release.yaml"
IGNORE: Final = ".gitignore"
PUBLISHED: Final = "published"

_RELEASE: Final = """\
# Who may have the keys of your modules. Everything that is not written here is denied.
apiVersion: sealwasm/v1
kind: ReleasePolicy
metadata:
  name: {name}
  # A changed policy needs a higher number; published modules follow the name.
  version: 1
spec:
{simulated}  # A runner asks again after that long.
  lease: 15m
  any-of:
    - name: this-runner
      tee: {tee}
      # {whose}
      measurement:
        in: ["{measurement}"]
{more}"""
_SIMULATED: Final = """\
  # Your broker trusts simulated hardware, which protects nothing. For real machines remove this.
  simulated-tee: allow
"""
_IGNORE: Final = """\
# The private key signs everything you publish. It belongs in no repository.
owner.key
"""
_WORDS: Final = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Runner:
    """The one runner that a first release policy allows."""

    tee: str
    measurement: str
    pcr: str
    # Where the measurement is from, for a comment.
    whose: str


def word(text: str, otherwise: str) -> str:
    """Return `text` as one word of a name: lower case letters, digits, single dashes."""
    return "-".join(_WORDS.findall(text.lower()))[:64] or otherwise


def grant_text(module: bytes | None, name: str) -> str:
    """Return the first capability policy: what the module imports, or nothing."""
    from policies.draft import draft_capabilities
    from sealing.bom import bill_of_materials

    imports = [] if module is None else bill_of_materials(module).imports
    return draft_capabilities([(one.module, one.name) for one in imports], name=name)


def release_text(name: str, runner: Runner, *, simulated: bool) -> str:
    """Return the first release policy, which allows one runner on one kind of TEE."""
    more = MORE_CONDITIONS.get(runner.tee, "")
    if runner.tee.startswith("azure-"):
        more += PCR_CONDITION.format(value=runner.pcr)
    return _RELEASE.format(
        name=name,
        simulated=_SIMULATED if simulated else "",
        tee=runner.tee,
        whose=runner.whose,
        measurement=runner.measurement,
        more=more,
    )


def ignore_text() -> str:
    """Return what keeps git from the private key."""
    return _IGNORE


def context_members(folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the context of a new project; `facts` has what depends on the owner's wishes."""
    broker = {"url": facts["broker"]}
    if facts["identity"]:
        broker["identity"] = facts["identity"]
    members = {
        "module": facts["name"],
        "owner": facts["owner"],
        "key": facts["key"] or str(folder / KEY),
        "owners": (str(folder / PUBLIC),),
        "brokers": (broker,),
        "publish-to": facts["publish_to"] or f"oci:{folder / PUBLISHED}",
        "policy": facts["policy"],
        "capabilities": str(folder / GRANT),
    }
    return members | ({"release-policy": str(folder / RELEASE)} if facts["runner"] else {})

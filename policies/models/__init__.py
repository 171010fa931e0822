"""The three kinds of policy document as typed, frozen models."""

from __future__ import annotations

from policies.models.base import Metadata, PolicyDocument
from policies.models.capability import CapabilityPolicy, CapabilitySpec
from policies.models.files import FileMount, InlineFile
from policies.models.guardrails import Guardrails, GuardrailsSpec
from policies.models.release import Environment, ReleasePolicy, ReleaseSpec

__all__ = [
    "CapabilityPolicy",
    "CapabilitySpec",
    "Environment",
    "FileMount",
    "Guardrails",
    "GuardrailsSpec",
    "InlineFile",
    "Metadata",
    "PolicyDocument",
    "ReleasePolicy",
    "ReleaseSpec",
]

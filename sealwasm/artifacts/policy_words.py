"""Values of a capability policy as its owner would write them: with units, and with defaults."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


def in_words(path: str, value: Any) -> str:
    """Return what the member at `path` says, the default where it is left out (None)."""
    field = _field_at(path)
    if value is not None:
        return _written(field, value)
    default = None if field is None else field.get_default(call_default_factory=True)
    if isinstance(default, int | str):
        return f"{_written(field, default)} (the default)"
    return "the default"


def _field_at(path: str) -> FieldInfo | None:
    """Return the field of the policy's model that a path of YAML keys leads to, if it is one."""
    from policies.models import CapabilityPolicy
    from policies.models.base import Model

    model: type[Model] | None = CapabilityPolicy
    field = None
    for key in path.split("."):
        known = {} if model is None else model.model_fields
        field = next((one for name, one in known.items() if (one.alias or name) == key), None)
        kind = None if field is None else field.annotation
        model = kind if isinstance(kind, type) and issubclass(kind, Model) else None
    return field


def _written(field: FieldInfo | None, value: Any) -> str:
    from policies.fields import Whole

    notes = () if field is None else field.metadata
    units = next((one.units for one in notes if isinstance(one, Whole)), {})
    if type(value) is int and units:
        fitting = [unit for unit, size in units.items() if not value % size]
        # Nothing at all is nothing of the smallest.
        unit = fitting[-1] if value else fitting[0]
        return f"{value // units[unit]}{unit}"
    return value if isinstance(value, str) else json.dumps(value)

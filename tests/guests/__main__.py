"""`make guests`: build every guest into build/guests."""

from __future__ import annotations

from tests.guests.build import C_GUESTS, OUTPUT, c_guest

for name in C_GUESTS:
    print(f"{name}: {len(c_guest(name)):,} bytes", flush=True)
print(f"in {OUTPUT}")

"""Policy decisions: 16 rules with and without their rows, against the bare comparisons.

`bare` is the least that can be done: fetch each claim and compare it, exact types, no explanation.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from policies.evaluate import compile_release, evaluate
from policies.explain import explain
from policies.grant import effective_grant
from policies.load import load_policy, load_release
from tests.unit.policies import samples

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MEASUREMENTS = [f"{index:02x}" * 48 for index in range(1, 9)]
REGIONS = frozenset({"aws-eu", "azure-eu"})
POLICY = f"""\
apiVersion: sealwasm/v1
kind: ReleasePolicy
metadata: {{name: bench}}
spec:
  any-of:
    - name: production
      tee: snp
      measurement: {{in: {MEASUREMENTS}}}
      product: {{in: [milan, genoa]}}
      signing-key: {{equals: vcek}}
      vmpl: {{at-most: 0}}
      migratable: {{equals: false}}
      guest-svn: {{at-least: 3}}
      chip-id-masked: {{equals: false}}
      csp-id: {{in: [aws-eu, azure-eu]}}
      platform.alias-check-complete: {{equals: true}}
      tcb:
        reported:
          {{bootloader: {{at-least: 4}}, snp: {{at-least: 22}}, microcode: {{at-least: 213}}}}
        launch: {{snp: {{at-least: 22}}}}
"""
CLAIMS: dict[str, Any] = {
    **samples.CLAIMS,
    "measurement": MEASUREMENTS[3],
    "guest-svn": 5,
    "chip-id-masked": False,
    "platform.alias-check-complete": True,
}
SET = frozenset(MEASUREMENTS)
PRODUCTS = frozenset({"milan", "genoa"})


def bare(claims: dict[str, Any]) -> bool:
    """The same 16 comparisons by hand."""
    return (
        claims.get("tee") == "snp"
        and claims.get("simulated") is False
        and claims.get("debug") is False
        and claims.get("measurement") in SET
        and claims.get("product") in PRODUCTS
        and claims.get("signing-key") == "vcek"
        and type(vmpl := claims.get("vmpl")) is int
        and vmpl <= 0
        and claims.get("migratable") is False
        and type(svn := claims.get("guest-svn")) is int
        and svn >= 3
        and claims.get("chip-id-masked") is False
        and claims.get("csp-id") in REGIONS
        and claims.get("platform.alias-check-complete") is True
        and type(bootloader := claims.get("tcb.reported.bootloader")) is int
        and bootloader >= 4
        and type(snp := claims.get("tcb.reported.snp")) is int
        and snp >= 22
        and type(microcode := claims.get("tcb.reported.microcode")) is int
        and microcode >= 213
        and type(launch := claims.get("tcb.launch.snp")) is int
        and launch >= 22
    )


def median_us(call: Callable[[], object], *, calls: int = 1000, rounds: int = 25) -> float:
    """Median over rounds of the mean time of one call, in microseconds of this thread."""
    times = []
    for _ in range(rounds):
        start = time.thread_time()
        for _ in range(calls):
            call()
        times.append((time.thread_time() - start) / calls * 1e6)
    return statistics.median(times)


def row(name: str, value: float, base: float | None, goal: float | None) -> dict[str, Any]:
    """One line of the table; the goal is on the value, in microseconds."""
    return {
        "name": name,
        "value": round(value, 3),
        "unit": "us",
        "bare": None if base is None else round(base, 3),
        "ratio": None if base is None else round(value / base, 2),
        "goal": None if goal is None else f"value <= {goal:g} us",
        "ok": None if goal is None else value <= goal,
    }


def rows() -> list[dict[str, Any]]:
    """Decision, decision with rows made, decision under guardrails, grant, load."""
    policy = load_release(POLICY.encode(), name="bench.yaml")
    guardrails = samples.guardrails()
    compiled = compile_release(policy)
    guarded = compile_release(policy, [guardrails])
    request = samples.capabilities()
    decision = evaluate(compiled, CLAIMS, now=NOW)
    if not (decision.allowed and bare(CLAIMS) and len(decision.results) == 16):
        raise ValueError("the benchmark's policy has other rules than its bare form")
    base = median_us(lambda: bare(CLAIMS))
    full = median_us(lambda: evaluate(compiled, CLAIMS, now=NOW).rules)
    text = samples.CAPABILITIES.encode()
    return [
        row(
            "policy: decide 16 rules",
            median_us(lambda: evaluate(compiled, CLAIMS, now=NOW)),
            base,
            15,
        ),
        row("policy: decide 16 rules, rows as objects", full, base, None),
        row(
            "policy: decide under guardrails",
            median_us(lambda: evaluate(guarded, CLAIMS, now=NOW)),
            None,
            None,
        ),
        row(
            "policy: explanation as JSON",
            median_us(lambda: explain(decision), calls=100),
            None,
            None,
        ),
        row(
            "policy: effective grant",
            median_us(lambda: effective_grant(request, [guardrails]), calls=20),
            None,
            None,
        ),
        row(
            "policy: load from YAML",
            median_us(lambda: load_policy(text, name="x"), calls=20),
            None,
            None,
        ),
    ]

from __future__ import annotations

import itertools

import pytest

from policies.decision import Denial
from policies.errors import PolicyDenied
from policies.grant import effective_grant
from policies.imports import missing_imports, require_imports
from policies.load import parse_canonical
from policies.notes import notes
from policies.within import require_within, widenings
from tests.unit.policies import samples

WASI = "wasi_snapshot_preview1"
EMPTY = "apiVersion: sealwasm/v1\nkind: Guardrails\nmetadata: {name: g}\nspec: {grant: {%s}}\n"
SMALL = "apiVersion: sealwasm/v1\nkind: CapabilityPolicy\nmetadata: {name: solver}\nspec: {%s}\n"
SILENT = "host-files: read-write, env-from-runner: allow, features: [simd]"


def grant_of(ceilings: str, request=None):
    return effective_grant(
        request or samples.capabilities(), [samples.guardrails(EMPTY % ceilings)]
    )


def test_without_guardrails_the_request_is_the_grant():
    request = samples.capabilities()
    grant = effective_grant(request, [])
    assert grant.document == request
    assert grant.reductions == grant.guardrails == ()
    assert grant.requested.digest == request.digest


def test_a_ceiling_above_the_request_changes_nothing():
    grant = grant_of(
        f"{SILENT}, limits: {{memory: 4GiB}}, clock: real, random: real, mode: enforce"
    )
    assert grant.document == samples.capabilities()
    assert grant.reductions == ()


@pytest.mark.parametrize(
    ("ceilings", "path", "requested", "granted"),
    [
        ("limits: {memory: 64MiB}", "spec.limits.memory", 128 << 20, 64 << 20),
        ("limits: {fuel: 1}", "spec.limits.fuel", 5_000_000, 1),
        ("limits: {wall-clock: 1s}", "spec.limits.wall-clock", 10_000, 1_000),
        ("limits: {stack: 16KiB}", "spec.limits.stack", 256 << 10, 16 << 10),
        ("limits: {table-elements: 999}", "spec.limits.table-elements", 1_000, 999),
        ("limits: {instances: 1}", "spec.limits.instances", 2, 1),
        ("limits: {open-files: 31}", "spec.limits.open-files", 32, 31),
        ("stdin: {max-bytes: 0}", "spec.stdin.max-bytes", 1 << 20, 0),
        ("stdout: {max-bytes: 5}", "spec.stdout.max-bytes", 2 << 20, 5),
        ("stderr: {max-bytes: 0}", "spec.stderr.max-bytes", 64 << 10, 0),
        ("files: {max-bytes: 1MiB}", "spec.files[/data].max-bytes", 16 << 20, 1 << 20),
        ("files: {max-files: 64}", "spec.files[/data].max-files", 100, 64),
        ("clock: coarse", "spec.clock.kind", "real", "coarse"),
        ("clock: deterministic", "spec.clock.kind", "real", "deny"),
        ("clock: deny", "spec.clock.kind", "real", "deny"),
        ("random: seeded", "spec.random.kind", "real", "deny"),
        ("random: deny", "spec.random.kind", "real", "deny"),
    ],
)
def test_each_ceiling_shrinks_its_member(ceilings, path, requested, granted):
    grant = grant_of(f"{SILENT}, {ceilings}")
    (reduction,) = grant.reductions
    assert (reduction.path, reduction.requested, reduction.granted) == (path, requested, granted)
    assert reduction.where == "guard.yaml:4"
    assert reduction.rule.startswith("g/grant/")
    require_within(grant.document, samples.capabilities())
    assert parse_canonical(grant.document.to_document()) == grant.document


def test_denied_stdin_is_end_of_file():
    grant = grant_of(f"{SILENT}, stdin: {{max-bytes: 0}}").document
    assert grant.spec.stdin.allow is False


def test_silence_takes_host_folders_and_runner_variables_away():
    grant = grant_of("features: [simd]")
    assert [mount.path for mount in grant.document.spec.files] == ["/etc/app"]
    assert set(grant.document.spec.env) == {"LANG"}
    assert {item.path for item in grant.reductions} == {"spec.files[/data]", "spec.env.TOKEN"}


def test_read_only_takes_writing_and_write_back_away():
    grant = grant_of(SILENT.replace("read-write", "read-only")).document
    mount = grant.spec.files[0]
    assert (mount.writable, mount.write_back) == (False, False)


@pytest.mark.parametrize(
    ("request_text", "ceiling", "kept"),
    [
        ("{kind: deterministic, start: 2026-01-01T00:00:00Z}", "deterministic", "deterministic"),
        ("{kind: deterministic, start: 2026-01-01T00:00:00Z}", "coarse", "deterministic"),
        ("{kind: deterministic, start: 2026-01-01T00:00:00Z}", "deny", "deny"),
        ("{kind: coarse}", "coarse", "coarse"),
        ("{kind: coarse}", "deterministic", "deny"),
        ("{kind: deny}", "real", "deny"),
    ],
)
def test_clock_never_becomes_a_made_up_one(request_text, ceiling, kept):
    request = samples.capabilities(SMALL % f"clock: {request_text}")
    assert grant_of(f"clock: {ceiling}", request).document.spec.clock.kind == kept


def test_seeded_random_stays_under_a_seeded_ceiling():
    request = samples.capabilities(SMALL % "random: {kind: seeded, seed: x}")
    assert grant_of("random: seeded", request).document == request


def test_audit_becomes_enforce():
    request = samples.capabilities(SMALL % "mode: audit")
    assert grant_of("mode: enforce", request).document.spec.mode == "enforce"
    assert grant_of("mode: audit", request).document.spec.mode == "audit"


def test_every_obstacle_is_told():
    request = samples.capabilities(
        SMALL % f"imports: [{WASI}.sock_send, env.x], features: [simd, threads]"
    )
    with pytest.raises(PolicyDenied) as caught:
        grant_of(
            f'features: [simd], imports: {{allow: ["{WASI}.*"], deny: [{WASI}.sock_send]}}', request
        )
    decision = caught.value.decision
    assert decision.code is Denial.GRANT
    assert decision.failed == ("g/grant/features", "g/grant/imports/allow", "g/grant/imports/deny")
    assert [row.actual for row in decision.rules] == ["threads", "env.x", f"{WASI}.sock_send"]


def test_order_and_repetition_of_guardrails_do_not_matter():
    guards = [
        samples.guardrails(),
        samples.guardrails(EMPTY % f"{SILENT}, limits: {{memory: 32MiB}}, clock: deterministic"),
        samples.guardrails(
            (EMPTY % f"{SILENT}, limits: {{fuel: 10}}").replace("name: g", "name: h")
        ),
    ]
    grants = [
        effective_grant(samples.capabilities(), [*order, order[0]])
        for order in itertools.permutations(guards)
    ]
    assert len({grant.document.digest for grant in grants}) == 1
    assert len({grant.reductions for grant in grants}) == 1
    assert len(grants[0].guardrails) == 3


def test_too_many_guardrails_are_a_fault_of_the_caller():
    with pytest.raises(ValueError, match="guardrails"):
        effective_grant(samples.capabilities(), [samples.guardrails()] * 17)


def test_a_smaller_policy_lies_inside():
    request = samples.capabilities()
    limits = "limits: {wall-clock: 1s, fuel: 1, stack: 16KiB, table-elements: 0, open-files: 3}"
    smallest = samples.capabilities(SMALL % limits)
    require_within(smallest, request)
    fixed = samples.capabilities(SMALL % f"{limits}, args: {{literal: [a]}}")
    assert widenings(fixed, fixed) == ()
    assert [item.path for item in widenings(fixed, request)] == ["spec.args.literal"]
    coarse = samples.capabilities(
        samples.CAPABILITIES.replace("clock: {kind: real}", "clock: {kind: coarse}")
    )
    require_within(coarse, request)


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("name: solver", "name: sh", "metadata.name"),
        ("max-count: 8", "max-count: 9", "spec.args.max-count"),
        ("max-bytes: 2048", "max-bytes: 2049", "spec.args.max-bytes"),
        (
            "stdin: {allow: true, max-bytes: 1MiB}",
            "stdin: {allow: true, max-bytes: 2MiB}",
            "spec.stdin.max-bytes",
        ),
        ("on-quota: enospc", "on-quota: trap", "spec.stdout.on-quota"),
        ("max-files: 100", "max-files: 101", "spec.files[/data].max-files"),
        ("path: /etc/app", "path: /etc/other", "spec.files[/etc/other]"),
        ("wall-clock: 10s", "wall-clock: 11s", "spec.limits.wall-clock"),
        ("[simd]", "[simd, gc]", "spec.features"),
    ],
)
def test_what_is_wider_is_named(old, new, path):
    wider = samples.capabilities(samples.CAPABILITIES.replace(old, new))
    assert [item.path for item in widenings(wider, samples.capabilities())] == [path]


def test_writing_is_wider_than_reading():
    text = samples.CAPABILITIES.replace("      write-back: true\n", "")
    reader = samples.capabilities(text.replace("read-write", "read-only"))
    assert [item.path for item in widenings(samples.capabilities(text), reader)] == [
        "spec.files[/data].access"
    ]


def test_missing_imports_once_each_in_order():
    imports = [(WASI, "random_get"), (WASI, "fd_write"), ("env", "x"), (WASI, "random_get")]
    assert missing_imports(samples.capabilities(), imports) == ((WASI, "random_get"), ("env", "x"))
    require_imports(samples.capabilities(), [(WASI, "fd_write")] * 2)
    require_imports(samples.capabilities(), [])


def test_a_dot_cannot_move_between_module_and_name():
    policy = samples.capabilities(SMALL % "imports: [a.b]")
    require_imports(policy, [("a", "b")])
    for pair in (("a.b", ""), ("", "a.b"), ("a", "b."), (".a", "b")):
        with pytest.raises(PolicyDenied):
            require_imports(policy, [pair])


def test_notes_tell_what_is_granted_in_vain():
    policy = samples.capabilities(
        SMALL % f"mode: audit, clock: {{kind: real}}, random: {{kind: seeded, seed: x}}, "
        f"imports: [{WASI}.fd_read, {WASI}.path_open, {WASI}.random_get, env.f]"
    )
    texts = {(note.path, note.text.split(":")[0]) for note in notes(policy)}
    assert texts == {
        ("spec.imports", f"{WASI}.fd_read is granted but spec.stdin is not"),
        ("spec.imports", f"{WASI}.path_open is granted but spec.files is not"),
        ("spec.clock", "spec.clock is granted but no import can use it"),
        ("spec.random", "seeded random repeats itself"),
        ("spec.mode", "audit records calls of imports that are not granted; use to test"),
    }
    assert all(note.where == "caps.yaml:4" for note in notes(policy))


def test_what_is_granted_and_used_is_worth_no_note():
    text = SMALL % f"clock: {{kind: real}}, imports: [{WASI}.clock_res_get]"
    assert notes(samples.capabilities(text)) == ()

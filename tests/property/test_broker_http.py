"""Whatever a peer sends, over HTTP: an answer or a problem with a known code, and nothing leaks.

Bytes, JSON and signed documents of every kind go to every POST route of the application. Deeper
ones are damaged inside and then signed, bound and wrapped anew, so that later steps see them.
"""

from __future__ import annotations

import base64
import copy
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from attestation.errors import Refusal
from keybroker.edge.app import create_app
from keybroker.edge.logs import JsonFormatter
from keybroker.edge.routes import router
from keybroker.errors import BrokerCode
from keybroker.owners import enrolment, evaluation
from keybroker.owners.owner_changes import RevokedModule
from keybroker.problems import CONTENT_TYPE, FAULT, kind_of
from keybroker.protocol import Problem, ProtocolRefusal
from keybroker.protocol.attestation_keys import ActivationRequest, AttestationKeyRequest
from policies.decision import Denial
from policies.errors import PolicyRefusal
from sealing import canonical
from sealing.errors import SealError, SealRefusal
from sealing.keys import SigningKey
from sealing.seal import SealedModule
from sealing.signatures import dsse
from sealing.signatures.bundle import STATEMENT_TYPE, sign_bundle
from tests.fakes.silicon import MEASUREMENT
from tests.fakes.web import Peer
from tests.fakes.world import NO_RATE, Runner, World, capabilities, make_world
from tests.fakes.world import release_policy as policy_document
from tests.unit.keybroker.test_attestation_keys import AREA, EK, MAKER

ENUMS = (BrokerCode, Refusal, SealRefusal, PolicyRefusal, Denial, ProtocolRefusal)
STATUSES = {"not-found": 404, "method-not-allowed": 405} | {
    str(code): kind_of(code).status for enum in ENUMS for code in enum if kind_of(code) is not FAULT
}
# Base64 of at least 48 bytes: evidence, signatures, manifests, keys. Looked for in pieces that are
# too varied to be there by chance.
LONG = re.compile(rb"[A-Za-z0-9+/]{64,}")
NAME = re.compile("[0-9a-f]*")  # a key id or a digest: these name things, also in a log
PIECE = 24
VARIED = 10

SAFE = 2**53 - 1
LAST = "9999-12-31T23:59:59Z"
ODD = [None, True, 0, 1, -1, SAFE, SAFE + 1, "", "\0", "x" * 600, LAST, [], {}]
ACTIONS = ["replace", "nudge", "nudge", "nudge", "remove", "add", "repeat"]
json_values = st.recursive(
    st.sampled_from(ODD) | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


class Service:
    """One broker behind its HTTP edge, with its log and its secrets."""

    def __init__(self, world: World, log: io.StringIO, secrets: list[str]) -> None:
        self.world = world
        self.peer = Peer(create_app(world.broker))
        self.log = log
        self.secrets = secrets
        self.numbers = iter(range(1, 2**31))

    def post(self, path: str, body: bytes) -> httpx.Response:
        """The answer, after everything that must hold of every answer."""
        self.log.seek(0)
        self.log.truncate()
        response = self.peer.post(path, body)
        if response.status_code in (200, 201):
            assert response.headers["content-type"] == "application/json"
        else:
            require_problem(response)
        self._require_discreet(response, body)
        return response

    def _require_discreet(self, response: httpx.Response, body: bytes) -> None:
        lines = self.log.getvalue()
        for secret in self.secrets:
            assert secret not in lines
            assert secret not in response.text
        for piece in pieces(body):
            assert piece not in lines
        entries = [json.loads(line) for line in lines.splitlines()]
        assert entries[-1]["event"] == "answered"
        assert {entry["level"] for entry in entries} == {"info"}
        assert not any("error" in entry for entry in entries)


def require_problem(response: httpx.Response) -> Problem:
    """A problem document with a known code, its own status and nothing else."""
    assert response.headers["content-type"] == CONTENT_TYPE
    problem = Problem.parse(response.content)
    assert problem.code in STATUSES, problem
    assert (response.status_code, problem.status) == (STATUSES[problem.code],) * 2
    assert problem.incident is None
    assert problem.code != "rate-limited", "nobody looked at it"
    return problem


def pieces(body: bytes) -> Iterator[str]:
    """What must not be in a log: parts of long base64 in a body, and the same as hex."""
    for found in LONG.finditer(body):
        text = found.group().decode()
        if NAME.fullmatch(text):
            continue
        raw = base64.b64decode(text[: len(text) // 4 * 4])
        for long in (text, raw.hex()):
            for start in range(0, len(long) - PIECE, PIECE):
                piece = long[start : start + PIECE]
                if len(set(piece)) >= VARIED:
                    yield piece


def secrets_of(world: World, folder: Path) -> list[str]:
    """Every private key of the broker and a module's content key, as text of several kinds."""
    keys = world.broker.releases.keys
    runner = world.runner()
    content = runner.open(world.release(runner.request(world.challenge())), world)
    raw = [key.to_bytes() for key in keys.sealing]
    raw += [key._key.private_bytes_raw() for key in (keys.identity, keys.checkpoint)]
    raw += [keys.ear._key.private_numbers().private_value.to_bytes(32, "big")]
    raw += [(folder / "broker" / "master.key").read_bytes().strip(), content.symkey]
    return [
        text
        for secret in raw
        for text in (secret.hex(), base64.b64encode(secret).decode(), repr(secret)[2:-1])
    ]


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """What a broker writes to its log, and what any library here would add to it."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(lambda record: not record.name.startswith("httpx"))  # that is the peer
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield log
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("http")
    with (
        make_world(folder, challenges=NO_RATE, releases=NO_RATE, documents=NO_RATE) as world,
        everything_logged() as log,
    ):
        yield Service(world, log, secrets_of(world, folder))


SEEDS: dict[str, Callable[[World], bytes]] = {
    "/v1/challenges": lambda _: b"{}",
    "/v1/releases": lambda world: world.runner().request(world.challenge()),
    "/v1/owners": lambda world: world.owner_document(SigningKey.generate("p256")),
    "/v1/policies": lambda world: world.policy_document(policy_document(version=2)),
    "/v1/owners/rotations": lambda world: world.rotation_document(SigningKey.generate("p256")),
    "/v1/revocations": lambda world: world.revocation_document(
        RevokedModule(module="acme/none", through=1)
    ),
    "/v1/evaluations": lambda world: world.evaluation(),
    "/v1/attestation-keys": lambda _: AttestationKeyRequest(
        ak_public=AREA, ek_chain=(MAKER.certify(EK.public_key()),)
    ).to_bytes(),
    "/v1/attestation-keys/activate": lambda _: ActivationRequest(
        secret=bytes(range(32)), token="A" * 200
    ).to_bytes(),
}


def test_every_post_route_is_tried() -> None:
    routes = {route.path for route in router.routes if "POST" in getattr(route, "methods", ())}
    assert routes == SEEDS.keys()


def test_leaks_would_be_noticed(service: Service) -> None:
    """What is looked for in the log is there to be found: evidence, as base64 and as hex."""
    body = SEEDS["/v1/releases"](service.world)
    report = json.loads(body)["evidence"]["report"]
    found = set(pieces(body))
    assert sum(piece in report for piece in found) > 20
    assert sum(piece in base64.b64decode(report).hex() for piece in found) > 20
    assert len(service.secrets) >= 3 * 7
    assert all(len(secret) > 31 for secret in service.secrets)


every_route = pytest.mark.parametrize("path", SEEDS)
many = settings(max_examples=60, deadline=None)


# Their seeds are well formed, and by a maker that this broker does not know: accepted ones are in
# tests/unit/keybroker/test_attestation_keys.py.
OF_STRANGERS = {"/v1/attestation-keys": 422, "/v1/attestation-keys/activate": 401}


@pytest.mark.parametrize("path", OF_STRANGERS)
def test_seeds_of_strangers_are_refused(service: Service, path: str) -> None:
    assert service.post(path, SEEDS[path](service.world)).status_code == OF_STRANGERS[path]


@pytest.mark.parametrize("path", sorted(SEEDS.keys() - OF_STRANGERS.keys()))
def test_seeds_are_accepted(service: Service, path: str) -> None:
    assert service.post(path, SEEDS[path](service.world)).status_code in (200, 201)


@every_route
@many
@given(body=st.binary(max_size=300))
def test_any_bytes(service: Service, path: str, body: bytes) -> None:
    service.post(path, body)


@every_route
@many
@given(value=json_values)
def test_any_json(service: Service, path: str, value: Any) -> None:
    for written in (json.dumps(value).encode(), canonical_or_not(value)):
        service.post(path, written)


@every_route
@many
@given(data=st.data())
def test_damaged_bytes(service: Service, path: str, data: st.DataObject) -> None:
    seed = SEEDS[path](service.world)
    body = damaged(data, seed)
    response = service.post(path, body)
    assert body == seed or path != "/v1/releases" or response.status_code != 200


@every_route
@many
@given(data=st.data())
def test_damaged_json(service: Service, path: str, data: st.DataObject) -> None:
    seed = SEEDS[path](service.world)
    body = canonical_or_not(changed(data, json.loads(seed)))
    response = service.post(path, body)
    assert body == seed or path != "/v1/releases" or response.status_code != 200


def canonical_or_not(value: Any) -> bytes:
    """The one form, if there is one, so that a reader looks further than that."""
    try:
        return canonical.encode(value)
    except SealError:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def damaged(data: st.DataObject, seed: bytes) -> bytes:
    """`seed` with bytes replaced, and maybe cut or put in, at one to three places."""
    body = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 3))):
        start = round(data.draw(st.floats(0, 1)) * (len(body) - 4))
        new = data.draw(st.binary(min_size=1, max_size=4))
        cut = data.draw(st.just(len(new)) | st.integers(0, 4))
        body[start : start + cut] = new
    return bytes(body)


def changed(data: st.DataObject, document: Any) -> Any:
    """`document` with one to three values replaced, nudged, removed, added or repeated."""
    root = [copy.deepcopy(document)]
    for _ in range(data.draw(st.sampled_from([1, 1, 1, 2, 3]))):
        found = places(root)
        holder, name = found[data.draw(st.integers(0, len(found) - 1))]
        action = data.draw(st.sampled_from(ACTIONS))
        if action == "replace":
            holder[name] = data.draw(json_values)
        elif action == "nudge":
            holder[name] = data.draw(nudged(holder[name]))
        elif action == "remove" and holder is not root:
            del holder[name]
        elif isinstance(holder, dict):
            holder[data.draw(st.text(max_size=8) | st.just(f"{name}s"))] = copy.deepcopy(
                holder[name]
            )
        else:
            holder.append(copy.deepcopy(holder[name]) if action == "repeat" else None)
    return root[0]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a value: what holds it, and under which name or number."""
    if isinstance(value, dict | list):
        names = list(value) if isinstance(value, dict) else range(len(value))
        below = [place for name in names for place in places(value[name])]
        return [(value, name) for name in names] + below
    return []


def nudged(value: Any) -> st.SearchStrategy[Any]:
    """Values close to one: of the same type, mostly."""
    if isinstance(value, bool):
        return st.just(not value)
    if isinstance(value, int):
        return st.sampled_from([value + 1, value - 1, -value, value * 1000, SAFE])
    if isinstance(value, str):
        letter = st.sampled_from("0aZ/= \u00e9")
        return letter.map(lambda one: value[:-1] + one) | letter.map(lambda one: value + one)
    return st.just([value])


def sign(kind: str, payload: Any, *keys: SigningKey) -> bytes:
    return dsse.sign(kind, canonical_or_not(payload), keys)


def payload_of(envelope: bytes) -> Any:
    return json.loads(base64.b64decode(json.loads(envelope)["payload"]))


# What an owner or operator signs, changed by them: no outsider gets this far.
SIGNED = {
    "/v1/owners": enrolment.OWNER_TYPE,
    "/v1/policies": enrolment.POLICY_TYPE,
    "/v1/evaluations": evaluation.EVALUATION_TYPE,
}


@pytest.mark.parametrize("path", SIGNED)
@many
@given(data=st.data())
def test_signed_documents_that_say_anything(
    service: Service, path: str, data: st.DataObject
) -> None:
    world = service.world
    owner = SigningKey.generate("p256")
    enrols = path == "/v1/owners"
    seed = world.owner_document(owner) if enrols else SEEDS[path](world)
    keys = (world.operator, owner) if enrols else (world.owner,)
    service.post(path, sign(SIGNED[path], changed(data, payload_of(seed)), *keys))


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_policies_that_can_be_enrolled_can_be_used(service: Service, data: st.DataObject) -> None:
    """A policy that nobody can evaluate would be a fault at every release under it."""
    world = service.world
    name = f"odd-{next(service.numbers)}" + "a" * data.draw(st.sampled_from([0, 150]))
    document = policy_document(name=name, **data.draw(ODD_SPECS))
    if data.draw(st.booleans()):
        document = changed(data, document)
    payload = payload_of(SEEDS["/v1/policies"](world)) | {"document": document}
    enrolled = service.post("/v1/policies", sign(enrolment.POLICY_TYPE, payload, world.owner))
    if enrolled.status_code == 201 and enrolled.json()["name"] == name:
        service.post("/v1/evaluations", world.evaluation(policy=name))
        release(service, world.seal(policy_name=name))


TIMES = ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2026-11-22T12:00:00Z", LAST]
CONDITIONS = {
    "report-version": [{"at-least": 0}, {"at-least": SAFE}, {"at-most": 5}],
    "vmpl": [{"at-most": 3}, {"not-in": [1, 2]}],
    "chip-id": [{"exists": False}, {"not-in": ["00" * 63 + "01"]}],
    "ear.status": [{"equals": "warning"}, {"in": ["affirming", "warning"]}],
    "request.module": [{"matches": "(acme|a{1,60})/[a-z]+.*"}, {"equals": "acme/solver"}],
    "request.version": [{"at-least": "1"}, {"at-most": "999999999.999999999"}],
    "request.owner": [{"exists": True}],
    "csp-id": [{"exists": True}, {"matches": ".*"}],
}
ENVIRONMENTS = st.fixed_dictionaries(
    {
        "tee": st.just("snp"),
        "measurement": st.sampled_from([{"in": [MEASUREMENT.hex()]}, {"in": ["11" * 48]}]),
    },
    optional={name: st.sampled_from(choice) for name, choice in CONDITIONS.items()},
)
# Policies that are right, at the ends of what is right.
ODD_SPECS = st.fixed_dictionaries(
    {
        "any-of": st.lists(ENVIRONMENTS, max_size=3).map(
            lambda found: [{"name": f"e{n}" * 60, **one} for n, one in enumerate(found)]
        ),
        "lease": st.sampled_from(["1s", "15m", "168h"]),
        "simulated-tee": st.sampled_from(["allow", "deny"]),
    },
    optional={
        "window": st.sampled_from(TIMES).map(lambda end: {"not-before": TIMES[0], "not-after": end})
    },
)


def release(service: Service, module: SealedModule, **changes: Any) -> httpx.Response:
    """A release of `module` by a runner whose evidence is bound to the request as it is."""
    body = Runner(service.world.guest(), module).request(service.world.challenge(), **changes)
    return service.post("/v1/releases", body)


@many
@given(data=st.data())
def test_manifests_that_say_anything(service: Service, data: st.DataObject) -> None:
    module = service.world.seal()
    manifest = canonical_or_not(changed(data, json.loads(module.manifest)))
    assume(len(manifest) > 1)  # no request holds less
    response = release(service, replace(module, manifest=manifest))
    assert manifest == module.manifest or response.status_code != 200


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_statements_that_say_anything(service: Service, data: st.DataObject) -> None:
    """Signed by the owner, whose statement it is: what they may say wrongly is no fault of ours."""
    module = service.world.seal()
    statement = changed(data, statement_of(module))
    predicate = statement.get("predicate") if isinstance(statement, dict) else None
    if isinstance(predicate, dict) and data.draw(st.booleans()):
        redigest(predicate)
    bundle = sign_bundle(canonical_or_not(statement), service.world.owner)
    release(service, replace(module, bundle=bundle))


def statement_of(module: SealedModule) -> Any:
    envelope = json.loads(module.bundle)["dsseEnvelope"]
    assert envelope["payloadType"] == STATEMENT_TYPE
    return json.loads(base64.b64decode(envelope["payload"]))


def redigest(predicate: dict[str, Any]) -> None:
    """Give the capability policy its own digest again."""
    said = predicate.get("capabilities")
    if isinstance(said, dict) and isinstance(said.get("policy"), dict):
        said["digest"] = canonical.digest_of(canonical_or_not(said["policy"]))


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_capabilities_that_say_anything(service: Service, data: st.DataObject) -> None:
    """Sealed and signed as they are: the broker is the first that knows what they mean."""
    document = changed(data, capabilities(stdout={"max-bytes": 10}, limits={"memory": "1MiB"}))
    try:
        module = service.world.seal(capabilities=document)
    except (SealError, AttributeError, TypeError):
        return  # nothing that anybody could sign
    release(service, module)


@settings(max_examples=80, deadline=None)
@given(data=st.data(), part=st.sampled_from(["report", "vek", "both"]))
def test_evidence_that_says_anything(service: Service, data: st.DataObject, part: str) -> None:
    runner = service.world.runner()
    challenge = service.world.challenge()
    evidence = json.loads(runner.request(challenge))["evidence"]
    for name in ("report", "vek") if part == "both" else (part,):
        raw = damaged(data, base64.b64decode(evidence[name]))
        evidence[name] = base64.b64encode(raw).decode()
    body = runner.request(challenge, evidence=evidence)
    problem = service.post("/v1/releases", body)
    assert problem.status_code == 422 or body == runner.request(challenge)


@settings(max_examples=100, deadline=None)
@given(path=st.text(max_size=40), method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "X"]))
def test_any_path_and_method(service: Service, path: str, method: str) -> None:
    for prefix in ("/", "/v1/", "/v1/audit/proofs/"):
        response = service.peer.request(method, prefix + quote(path, safe=""))
        if response.status_code != 200:
            require_problem(response)

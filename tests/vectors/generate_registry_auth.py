"""Vectors of docs/specs/registry-access.md: challenges, token answers, credentials, helpers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sealing.canonical import b64encode
from tests.vectors.folder import fresh_folder, write_case

HOST = "registry.example.com"
REALM = f"https://{HOST}/token"
MALFORMED = "seal-registry-malformed"
UNUSABLE = "seal-credentials-unusable"
HUB = "https://index.docker.io/v1/"


def _b64(text: str) -> str:
    return b64encode(text.encode())


ALICE = {"auth": _b64("alice:s3cr3t")}
BOB = {"auth": _b64("bob:s3cr3t")}

BASIC = ["basic", {"realm": "x"}]
BEARER = ["bearer", {"realm": REALM, "service": "s"}]
_BEARER = f'Bearer realm="{REALM}",service="s"'

# (case, step, lines, the challenges that they are)
CHALLENGES = [
    ("basic", "1.1", ['Basic realm="x"'], [BASIC]),
    ("bearer", "1.1", [_BEARER], [BEARER]),
    ("bearer-then-basic", "1.1", [f'{_BEARER}, Basic realm="x"'], [BEARER, BASIC]),
    ("basic-then-bearer", "1.1", [f'Basic realm="x", {_BEARER}'], [BASIC, BEARER]),
    ("two-lines", "1.1", ['Basic realm="x"', _BEARER], [BASIC, BEARER]),
    ("bare-value", "1.1", ["Basic realm=x"], [BASIC]),
    ("spaces-around-equals", "1.1", ['Basic realm = "x"'], [BASIC]),
    ("empty-items", "1.1", [', ,Basic realm="x", ,'], [BASIC]),
    ("upper-case", "1.2", ['BASIC Realm="x"'], [BASIC]),
    (
        "comma-in-quotes",
        "1.1",
        ['Bearer scope="a:pull,push"'],
        [["bearer", {"scope": "a:pull,push"}]],
    ),
    (
        "scheme-in-quotes",
        "1.1",
        ['Basic realm="x, Bearer realm=y"'],
        [["basic", {"realm": "x, Bearer realm=y"}]],
    ),
    ("escaped-quote", "1.1", [r'Basic realm="a\"b\\c"'], [["basic", {"realm": 'a"b\\c'}]]),
    ("scheme-alone", "1.1", ["Negotiate"], [["negotiate", {}]]),
    (
        "ticket-of-another-scheme",
        "1.1",
        [f"Negotiate YII+/=, {_BEARER}"],
        [["negotiate", {}], BEARER],
    ),
    ("empty-value", "1.1", ['Basic realm=""'], [["basic", {"realm": ""}]]),
    ("no-lines", "1.1", [], []),
    ("sixteen-lines", "1.1", ["Negotiate"] * 16, [["negotiate", {}]] * 16),
    ("longest-line", "1.1", ["X " + "a" * 8190], [["x", {}]]),
]

# (case, step, lines)
NO_CHALLENGES = [
    ("open-quote", "1.1", ['Basic realm="x']),
    ("escape-at-the-end", "1.1", ['Basic realm="x\\']),
    ("no-comma-between-parameters", "1.1", ['Basic realm="x" charset="UTF-8"']),
    ("no-comma-between-challenges", "1.1", ['Basic realm="x" Bearer realm="y"']),
    ("semicolons", "1.1", ['Bearer realm="x"; service="s"']),
    ("parameter-without-scheme", "1.1", ['realm="x"']),
    ("parameter-before-scheme", "1.1", ['realm="x", Basic']),
    ("url-without-quotes", "1.1", [f"Bearer realm={REALM}"]),
    ("single-quotes", "1.1", ["Bearer realm='https://a/b'"]),
    ("line-feed-in-quotes", "1.1", ['Basic realm="a\nb"']),
    ("carriage-return", "1.1", ['Basic realm="a"\r\nX: y']),
    ("nul-in-quotes", "1.1", ['Basic realm="a\0b"']),
    ("tab-in-quotes", "1.1", ['Basic realm="a\tb"']),
    ("not-ascii-in-quotes", "1.1", ['Basic realm="\u00e4"']),
    ("not-ascii-scheme", "1.1", ["B\u00e4sic"]),
    ("text-after-quote", "1.1", ['Basic realm="x"y']),
    ("token68-then-parameter", "1.1", ['Negotiate abc= realm="x"']),
    ("parameter-twice", "1.2", ['Bearer realm="a", realm="b"']),
    ("parameter-twice-in-other-case", "1.2", ['Bearer realm="a", Realm="b"']),
    ("bearer-twice", "1.2", [f"{_BEARER}, {_BEARER}"]),
    ("bearer-twice-on-two-lines", "1.2", [_BEARER, 'bearer realm="https://evil.example/"']),
    ("basic-twice", "1.2", ['Basic realm="a", BASIC realm="b"']),
    ("seventeen-lines", "1.1", ["Negotiate"] * 17),
    ("line-too-long", "1.1", ["X " + "a" * 8191]),
]

# (case, step, answer, token, seconds for which it is used)
TOKENS = [
    ("token", "2.5", '{"token":"abc","expires_in":300}', "abc", 290),
    ("access-token", "2.5", '{"access_token":"abc","expires_in":300}', "abc", 290),
    ("both", "2.5", '{"token":"abc","access_token":"abc"}', "abc", 50),
    ("without-time", "2.5", '{"token":"abc"}', "abc", 50),
    ("unknown-members", "2.5", '{"token":"abc","issued_at":"now","scope":"x"}', "abc", 50),
    ("expired-at-once", "2.6", '{"token":"abc","expires_in":0}', "abc", 0),
    ("for-a-year", "2.6", '{"token":"abc","expires_in":31536000}', "abc", 86390),
    ("longest", "2.5", json.dumps({"token": "x" * 32768}), "x" * 32768, 50),
]

# (case, step, answer)
NO_TOKENS = [
    ("none", "2.5", "{}"),
    ("two-that-differ", "2.5", '{"token":"abc","access_token":"abd"}'),
    ("named-twice", "2.5", '{"token":"abc","token":"abc"}'),
    ("empty", "2.5", '{"token":""}'),
    ("number", "2.5", '{"token":7}'),
    ("null", "2.5", '{"token":null}'),
    ("list", "2.5", '{"token":["abc"]}'),
    ("space", "2.5", '{"token":"abc def"}'),
    ("line-feed", "2.5", '{"token":"abc\\nX: y"}'),
    ("carriage-return-line-feed", "2.5", '{"token":"abc\\r\\nX: y"}'),
    ("delete-character", "2.5", '{"token":"abc\\u007f"}'),
    ("not-ascii", "2.5", '{"token":"\u00e4bc"}'),
    ("too-long", "2.5", json.dumps({"token": "x" * 32769})),
    ("negative-time", "2.5", '{"token":"abc","expires_in":-1}'),
    ("time-as-text", "2.5", '{"token":"abc","expires_in":"300"}'),
    ("time-with-fraction", "2.5", '{"token":"abc","expires_in":1.5}'),
    ("time-true", "2.5", '{"token":"abc","expires_in":true}'),
    ("not-an-object", "2.5", '["abc"]'),
    ("text", "2.5", '"abc"'),
    ("not-json", "2.5", "<html>"),
    ("nothing", "2.5", ""),
    ("two-documents", "2.5", '{"token":"abc"}{}'),
    ("answer-too-large", "2.5", '{"token":"abc"}' + " " * 65536),
]

ALICE_FOUND = ["password", "alice", "s3cr3t"]
BOB_FOUND = ["password", "bob", "s3cr3t"]


def _keys(*keys: str) -> dict[str, Any]:
    """Return a file in which Alice has the first key, and Bob the others."""
    return {"auths": {key: ALICE if key == keys[0] else BOB for key in keys}}


# (case, step, file, registry, repository, what is found)
FOUND: list[tuple[str, str, Any, str, str, Any]] = [
    ("auth", "4.3", _keys(HOST), HOST, "a/b", ALICE_FOUND),
    (
        "auth-with-colon-in-password",
        "4.3",
        {"auths": {HOST: {"auth": _b64("alice:s3:cr3t")}}},
        HOST,
        "a",
        ["password", "alice", "s3:cr3t"],
    ),
    (
        "auth-not-ascii",
        "4.3",
        {"auths": {HOST: {"auth": _b64("alice:\u00e4")}}},
        HOST,
        "a",
        ["password", "alice", "\u00e4"],
    ),
    (
        "username-and-password",
        "4.3",
        {"auths": {HOST: {"username": "alice", "password": "s3cr3t"}}},
        HOST,
        "a",
        ALICE_FOUND,
    ),
    (
        "kubernetes",
        "4.3",
        {"auths": {HOST: {"username": "alice", "password": "s3cr3t", "email": "a@b", **ALICE}}},
        HOST,
        "a",
        ALICE_FOUND,
    ),
    (
        "identity-token",
        "4.3",
        {"auths": {HOST: {"auth": _b64("0000:"), "identitytoken": "abc"}}},
        HOST,
        "a",
        ["identity", "abc"],
    ),
    (
        "registry-token",
        "4.3",
        {"auths": {HOST: {"registrytoken": "abc", "identitytoken": "abd"}}},
        HOST,
        "a",
        ["registry", "abc"],
    ),
    ("empty-entry", "4.3", {"auths": {HOST: {}}}, HOST, "a", None),
    ("empty-texts", "4.3", {"auths": {HOST: {"auth": "", "identitytoken": ""}}}, HOST, "a", None),
    (
        "null-members",
        "4.1",
        {"auths": None, "credHelpers": None, "credsStore": ""},
        HOST,
        "a",
        None,
    ),
    ("nothing", "4.1", {}, HOST, "a", None),
    (
        "other-members",
        "4.1",
        {"psFormat": "x", "HttpHeaders": {"X": "y"}, **_keys(HOST)},
        HOST,
        "a",
        ALICE_FOUND,
    ),
    ("another-registry", "4.4", _keys("other.example.com"), HOST, "a", None),
    ("another-port", "4.4", _keys(f"{HOST}:5000"), HOST, "a", None),
    ("port", "4.4", _keys(f"{HOST}:5000", HOST), f"{HOST}:5000", "a", ALICE_FOUND),
    ("registry-that-only-begins-the-same", "4.4", _keys("registry.example.co"), HOST, "a", None),
    ("repository", "4.4", _keys(f"{HOST}/a/b", f"{HOST}/a", HOST), HOST, "a/b", ALICE_FOUND),
    ("namespace", "4.4", _keys(f"{HOST}/a", HOST), HOST, "a/b", ALICE_FOUND),
    (
        "longer-key-of-another",
        "4.4",
        _keys(HOST, f"{HOST}/a/bc", f"{HOST}/a/b/c"),
        HOST,
        "a/b",
        ALICE_FOUND,
    ),
    ("url", "4.4", _keys(f"https://{HOST}/v1/"), HOST, "a", ALICE_FOUND),
    ("url-without-path", "4.4", _keys(f"https://{HOST}"), HOST, "a", ALICE_FOUND),
    ("name-before-url", "4.4", _keys(HOST, f"https://{HOST}/v2/"), HOST, "a", ALICE_FOUND),
    ("url-in-clear", "4.4", _keys(f"http://{HOST}/v1/"), HOST, "a", None),
    ("url-with-user", "4.4", _keys(f"https://x@{HOST}/v1/"), HOST, "a", None),
    ("hub", "4.4", _keys(HUB), "docker.io", "library/a", ALICE_FOUND),
    ("hub-by-another-name", "4.4", _keys(HUB), "registry-1.docker.io", "library/a", ALICE_FOUND),
    (
        "hub-with-two-urls",
        "4.4",
        _keys(HUB, "https://index.docker.io/v2/"),
        "index.docker.io",
        "a",
        ALICE_FOUND,
    ),
    ("hub-by-name", "4.4", _keys("docker.io", HUB), "registry-1.docker.io", "a", ALICE_FOUND),
    (
        "helper",
        "4.5",
        {"credHelpers": {HOST: "one"}, "credsStore": "two", **_keys(HOST)},
        HOST,
        "a",
        ["helper", "one", HOST],
    ),
    (
        "helper-of-another",
        "4.5",
        {"credHelpers": {"other.example.com": "one"}, **_keys(HOST)},
        HOST,
        "a",
        ALICE_FOUND,
    ),
    (
        "helper-of-the-hub",
        "4.5",
        {"credHelpers": {HUB: "one"}},
        "docker.io",
        "a",
        ["helper", "one", HUB],
    ),
    (
        "store",
        "4.5",
        {"auths": {HOST: {}}, "credsStore": "two"},
        HOST,
        "a",
        ["helper", "two", HOST],
    ),
    ("store-of-the-hub", "4.5", {"credsStore": "two"}, "docker.io", "a", ["helper", "two", HUB]),
    ("entry-before-store", "4.5", {"credsStore": "two", **_keys(HOST)}, HOST, "a", ALICE_FOUND),
    ("helper-longest-name", "5.1", {"credsStore": "x" * 64}, HOST, "a", ["helper", "x" * 64, HOST]),
]


def _entry(**entry: Any) -> str:
    return json.dumps({"auths": {HOST: entry}})


# (case, step, file)
NOT_FOUND: list[tuple[str, str, str]] = [
    ("not-json", "4.1", "auths: {}"),
    ("nothing-at-all", "4.1", ""),
    ("list", "4.1", "[]"),
    ("key-twice", "4.1", f'{{"auths":{{"{HOST}":{{}},"{HOST}":{{"auth":"{ALICE["auth"]}"}}}}}}'),
    ("auths-twice", "4.1", '{"auths":{},"auths":{}}'),
    ("auths-list", "4.1", '{"auths":[]}'),
    ("helpers-text", "4.1", '{"credHelpers":"one"}'),
    ("entry-text", "4.3", f'{{"auths":{{"{HOST}":"{ALICE["auth"]}"}}}}'),
    ("auth-number", "4.3", _entry(auth=7)),
    ("auth-not-base64", "4.3", _entry(auth="alice:s3cr3t")),
    (
        "auth-base64url",
        "4.3",
        _entry(auth=_b64("alice:\u00fb\u00ff??>").replace("+", "-").replace("/", "_")),
    ),
    ("auth-without-padding", "4.3", _entry(auth=_b64("alice:s3cr3t1").rstrip("="))),
    ("auth-with-line-feed", "4.3", _entry(auth=ALICE["auth"] + "\n")),
    ("auth-not-utf8", "4.3", _entry(auth=b64encode(b"alice:\xff"))),
    ("auth-without-colon", "4.3", _entry(auth=_b64("alice"))),
    ("user-with-line-feed", "4.3", _entry(auth=_b64("al\r\nX-Y: z\r\nice:s3cr3t"))),
    ("password-with-line-feed", "4.3", _entry(auth=_b64("alice:s3c\r\nr3t"))),
    ("password-with-nul", "4.3", _entry(auth=_b64("alice:s3cr3t\0"))),
    ("username-with-colon", "4.3", _entry(username="al:ice", password="s3cr3t")),
    ("auth-of-somebody-else", "4.3", _entry(**BOB, username="alice", password="s3cr3t")),
    ("auth-and-another-password", "4.3", _entry(**ALICE, username="alice", password="other")),
    ("identity-token-with-space", "4.3", _entry(identitytoken="a b")),
    ("identity-token-with-line-feed", "4.3", _entry(identitytoken="a\r\nX: y")),
    ("registry-token-not-ascii", "4.3", _entry(registrytoken="\u00e4")),
    ("identity-token-object", "4.3", _entry(identitytoken={"a": "b"})),
    ("urls-that-differ", "4.4", json.dumps(_keys(f"https://{HOST}/v1/", f"https://{HOST}/v2/"))),
    ("helper-path", "5.1", json.dumps({"credHelpers": {HOST: "../../bin/sh"}})),
    ("helper-absolute", "5.1", json.dumps({"credsStore": "/bin/sh"})),
    ("helper-option", "5.1", json.dumps({"credsStore": "-x"})),
    ("helper-space", "5.1", json.dumps({"credsStore": "a b"})),
    ("helper-nul", "5.1", json.dumps({"credsStore": "a\0b"})),
    ("helper-empty", "5.1", json.dumps({"credHelpers": {HOST: ""}})),
    ("helper-number", "5.1", json.dumps({"credsStore": 7})),
    ("helper-too-long", "5.1", json.dumps({"credsStore": "x" * 65})),
]

# (case, step, what a helper wrote, what it says)
HELPERS = [
    ("password", "5.3", '{"ServerURL":"x","Username":"alice","Secret":"s3cr3t"}', ALICE_FOUND),
    ("without-server", "5.3", '{"Username":"alice","Secret":"s3cr3t"}\n', ALICE_FOUND),
    ("identity", "5.3", '{"Username":"<token>","Secret":"abc"}', ["identity", "abc"]),
]

# (case, step, what a helper wrote)
NO_HELPERS = [
    ("nothing", "5.3", ""),
    ("words", "5.3", "please log in first"),
    ("list", "5.3", "[]"),
    ("no-secret", "5.3", '{"Username":"alice"}'),
    ("no-name", "5.3", '{"Secret":"s3cr3t"}'),
    ("unknown-member", "5.3", '{"Username":"alice","Secret":"s3cr3t","Extra":""}'),
    ("member-twice", "5.3", '{"Username":"alice","Secret":"a","Secret":"b"}'),
    ("number", "5.3", '{"Username":"alice","Secret":7}'),
    ("two-documents", "5.3", '{"Username":"alice","Secret":"s3cr3t"}{}'),
    ("colon-in-name", "5.3", '{"Username":"al:ice","Secret":"s3cr3t"}'),
    ("line-feed-in-name", "5.3", '{"Username":"al\\r\\nice","Secret":"s3cr3t"}'),
    ("line-feed-in-secret", "5.3", '{"Username":"alice","Secret":"s3cr3t\\n"}'),
    ("line-feed-in-identity", "5.3", '{"Username":"<token>","Secret":"a\\nb"}'),
    ("too-large", "5.3", '{"Username":"a","Secret":"b"}' + " " * 65536),
]


def generate(root: Path) -> None:
    """Write every case below `root`/registry_auth."""
    folder = fresh_folder(root, "registry_auth")

    def case(stage: str, name: str, step: str, expect: str, **members: Any) -> None:
        data = members.pop("data", None)
        why = f"docs/specs/registry-access.md step {step}: {name.replace('-', ' ')}"
        files = None if data is None else {"data.bin": data.encode()}
        document = {"stage": stage, "expect": expect, "why": why} | members
        write_case(folder, f"{stage}-{name}", document, files)

    for name, step, lines, challenges in CHALLENGES:
        case("challenge", name, step, "accepted", lines=lines, challenges=challenges)
    for name, step, lines in NO_CHALLENGES:
        case("challenge", name, step, MALFORMED, lines=lines)
    for name, step, data, token, seconds in TOKENS:
        case("token", name, step, "accepted", data=data, token=token, seconds=seconds)
    for name, step, data in NO_TOKENS:
        case("token", name, step, MALFORMED, data=data)
    for name, step, file, registry, repository, found in FOUND:
        members = {"registry": registry, "repository": repository, "found": found}
        case("config", name, step, "accepted", data=json.dumps(file), **members)
    for name, step, data in NOT_FOUND:
        case("config", name, step, UNUSABLE, data=data, registry=HOST, repository="a")
    for name, step, data, found in HELPERS:
        case("helper", name, step, "accepted", data=data, found=found)
    for name, step, data in NO_HELPERS:
        case("helper", name, step, UNUSABLE, data=data)

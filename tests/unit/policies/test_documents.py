"""What is written for people and editors: schemas, help, README, library, drafts."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import jsonschema
import pytest
from pydantic import BaseModel

from policies import models
from policies.conditions import conditions_document, parse_conditions
from policies.draft import draft_capabilities
from policies.errors import PolicyError
from policies.help import HELP
from policies.imports import require_imports
from policies.load import load_capabilities, load_policy
from policies.models.base import Model
from policies.reader import read_yaml
from policies.schema import schema, schema_files
from policies.wasi import NEEDS, PREVIEW1
from tests.unit.policies import samples

ROOT = Path(__file__).parents[3]
POLICIES = ROOT / "policies"
LIBRARY = sorted((POLICIES / "library").glob("*.yaml"))
README = (POLICIES / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
ALL = [(f"policies/library/{path.name}", path.read_text(encoding="utf-8")) for path in LIBRARY]
ALL += [(f"README example {number}", text) for number, text in enumerate(EXAMPLES)]


def as_json(text: str):
    return json.loads(json.dumps(read_yaml(text.encode(), name="x")[0]))


@pytest.mark.parametrize(("name", "text"), ALL, ids=[name for name, _ in ALL])
def test_published_policies_load_and_fit_their_schema(name, text):
    policy = load_policy(text.encode(), name=name)
    checker = jsonschema.Draft202012Validator(schema(policy.kind))
    checker.validate(as_json(text))
    checker.validate(policy.to_document())


def test_there_are_library_and_examples_of_every_kind():
    kinds = [load_policy(text.encode(), name=name).kind for name, text in ALL]
    assert len(LIBRARY) >= 4
    assert len(EXAMPLES) == 3
    assert set(kinds) == {"CapabilityPolicy", "Guardrails", "ReleasePolicy"}


def test_schemas_are_valid_and_current():
    for name, text in schema_files().items():
        jsonschema.Draft202012Validator.check_schema(json.loads(text))
        assert (POLICIES / "schema" / name).read_text(encoding="utf-8") == text, name


def test_readme_tables_are_current():
    location = ROOT / "tools" / "generate_schemas.py"
    spec = importlib.util.spec_from_file_location("generate_schemas", location)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.readme(README) == README
    assert README.count("<!-- generated: ") == README.count("<!-- end: ") == 5


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("stdout:", "stdotu:"),
        ("allow: true, max-count", "allow: 1, max-count"),
        ("128MiB", "128MB"),
        ("path: /data", "path: data"),
        ("{kind: command}", "{kind: http}"),
        ("mode: enforce", "mode:"),
    ],
)
def test_schema_refuses_what_an_editor_can_see(old, new):
    checker = jsonschema.Draft202012Validator(schema("CapabilityPolicy"))
    text = samples.CAPABILITIES.replace(old, new, 1)
    assert not checker.is_valid(as_json(text))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("vmpl: {at-most: 0}", "vmlp: {at-most: 0}"),
        ("vmpl: {at-most: 0}", "vmpl: {atmost: 0}"),
        ("vmpl: {at-most: 0}", "vmpl: {because: x}"),
        ("vmpl: {at-most: 0}", "vmpl: 0"),
        ("measurement: {in:", "report-data: {in:"),
        ("milan, genoa", "Milan, genoa"),
        ("snp: {at-least: 22}", "snp: {at-least: true}"),
    ],
)
def test_schema_knows_claims_and_operators(old, new):
    checker = jsonschema.Draft202012Validator(schema("ReleasePolicy"))
    assert checker.is_valid(as_json(samples.RELEASE))
    assert not checker.is_valid(as_json(samples.RELEASE.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("kind", "path", "empty"),
    [
        ("Guardrails", ("release", "tees"), []),
        ("Guardrails", ("release", "minimum-tcb"), {}),
        ("Guardrails", ("grant", "imports", "allow"), []),
        ("ReleasePolicy", ("applies-to", "modules"), []),
    ],
)
def test_schema_refuses_what_would_read_as_none_and_mean_any(kind, path, empty):
    texts = {"Guardrails": samples.GUARDRAILS, "ReleasePolicy": samples.RELEASE}
    document = as_json(texts[kind])
    checker = jsonschema.Draft202012Validator(schema(kind))
    assert checker.is_valid(document)
    place = document["spec"]
    for key in path[:-1]:
        place = place.setdefault(key, {})
    place[path[-1]] = empty
    assert not checker.is_valid(document)


def all_models(kind: type[BaseModel] = Model):
    for model in kind.__subclasses__():
        # Other packages read files of theirs with the same base; policies explain only their own.
        if model.__module__.startswith("policies."):
            yield model
        yield from all_models(model)


def test_every_key_is_explained_and_nothing_else():
    keys = {
        f"{model.__name__}.{key}"
        for model in all_models()
        for key in model.document_keys()
        if model.__name__ != "PolicyDocument"
    }
    keys.discard("Environment.conditions")
    assert set(HELP) == keys
    assert models.CapabilityPolicy in set(all_models())


def test_conditions_have_one_canonical_form():
    nested = parse_conditions({"tcb": {"launch": {"snp": {"at-least": 2, "at-most": 3}}}})
    dotted = parse_conditions({"tcb.launch.snp": {"at-most": 3, "at-least": 2}})
    assert conditions_document(nested) == conditions_document(dotted)
    assert conditions_document(nested) == {"tcb.launch.snp": {"at-least": 2, "at-most": 3}}


def wasi(*names: str):
    return [(PREVIEW1, name) for name in names]


@pytest.mark.parametrize("names", [(), ("fd_write", "proc_exit"), tuple(NEEDS)], ids=len)
def test_a_draft_loads_and_grants_the_imports(names):
    text = draft_capabilities(wasi(*names), name="acme/solver")
    policy = load_capabilities(text.encode(), name="draft")
    require_imports(policy, wasi(*names))
    assert policy.name == "acme/solver"
    assert policy.spec.files == ()
    assert not policy.spec.stdin.allow


def test_a_draft_grants_what_the_imports_draw_on_and_no_more():
    spec = load_capabilities(draft_capabilities(wasi("fd_write"), name="x").encode(), name="d").spec
    assert spec.stdout.max_bytes == 1024 * 1024
    assert (spec.args.allow, spec.clock.kind, spec.random.kind) == (False, "deny", "deny")
    text = draft_capabilities(wasi("args_get", "clock_time_get", "random_get"), name="x")
    spec = load_capabilities(text.encode(), name="d").spec
    assert (spec.args.allow, spec.clock.kind, spec.random.kind) == (True, "coarse", "real")
    assert spec.stdout.max_bytes == 0


def test_a_draft_takes_folders_and_other_hosts():
    imports = [*wasi("path_open"), ("env", "log")]
    text = draft_capabilities(imports, name="x", directories=["/data", "/a b"])
    spec = load_capabilities(text.encode(), name="d").spec
    assert [(mount.path, mount.access) for mount in spec.files] == [
        ("/data", "read-only"),
        ("/a b", "read-only"),
    ]
    assert "env.log" in spec.imports


def test_comments_of_a_draft_are_valid_once_taken_in():
    text = draft_capabilities(wasi(*NEEDS), name="x")
    taken = re.sub(r"^  # (env|stdin|files): ", r"  \1: ", text, flags=re.MULTILINE)
    spec = load_capabilities(taken.encode(), name="d").spec
    assert (spec.stdin.allow, len(spec.env), len(spec.files)) == (True, 1, 1)


@pytest.mark.parametrize(
    ("imports", "name", "directories"),
    [
        ([("a.b", "c")], "x", []),
        ([("env", "a b")], "x", []),
        ([("env", "a\n- evil")], "x", []),
        ([], "Not A Name", []),
        ([], 'x"\nspec: {}', []),
        ([], "x", ["relative"]),
        ([], "x\ud800", []),
    ],
)
def test_a_draft_refuses_what_no_policy_can_hold(imports, name, directories):
    with pytest.raises(PolicyError):
        draft_capabilities(imports, name=name, directories=directories)

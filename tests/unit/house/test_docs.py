"""What is written for people points at things that exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("attestation", "charts", "docs", "keybroker", "policies", "requirements", "runner")
FOLDERS += ("sealing", "sealwasm", "tests", "tools")
PAGES = sorted(
    [*ROOT.glob("*.md"), *(page for name in FOLDERS for page in ROOT.glob(f"{name}/**/*.md"))]
)
CODE = sorted(page for name in FOLDERS for page in ROOT.glob(f"{name}/**/*.py"))

LINK = re.compile(r"\[[^\]\n]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
CODE_SPAN = re.compile(r"`([^`\n]+)`")
TEST = re.compile(r"(?:^|[^\w/.-])(tests/[\w./-]+[\w/])(?:::(\w+))?")
# A path of ours in a code span. Spans with spaces or patterns are something else.
PATH = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./-]*")
# Names with a slash that look like paths of ours and are labels of formats.
LABELS = re.compile(r"sealwasm/[a-z-]+/v1|sealwasm/v1")
PAGE_IN_CODE = re.compile(r"docs/[\w./-]+\.md")

named = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors_of(path: Path) -> set[str]:
    """The names that GitHub gives to headings."""
    plain = (re.sub(r"[`*\[\]]|\([^)]*\)", "", title) for title in HEADING.findall(text_of(path)))
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in plain}


@named
def test_links_lead_somewhere(page):
    for target in LINK.findall(text_of(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors_of(found), target


@named
def test_tests_that_are_named_exist(page):
    for path, function in TEST.findall(text_of(page)):
        found = ROOT / path
        assert found.exists(), path
        assert not function or f"def {function}(" in text_of(found), f"{path}::{function}"


@named
def test_paths_that_are_named_exist(page):
    for span in CODE_SPAN.findall(text_of(page)):
        path = span.partition("::")[0]
        if PATH.fullmatch(path) and not LABELS.fullmatch(path):
            assert (ROOT / path).exists(), path


def test_every_page_that_code_names_exists():
    missing = {
        f"{path.relative_to(ROOT)}: {page}"
        for path in CODE
        for page in PAGE_IN_CODE.findall(text_of(path))
        if not (ROOT / page).exists()
    }
    assert not missing


def test_every_decision_is_listed_under_its_number():
    listed = text_of(ROOT / "docs" / "adr" / "README.md")
    for path in sorted((ROOT / "docs" / "adr").glob("[0-9]*.md")):
        number, title = re.match(r"# ADR (\d+): (.+)\n", text_of(path)).groups()
        assert path.name.startswith(f"{int(number):04}-")
        assert f"| {number} | [{title}]({path.name}) |" in listed, path.name


def test_glossary_has_each_word_once_and_in_order():
    rows = re.findall(r"^\| ([^|]+?) \|", text_of(ROOT / "docs" / "glossary.md"), re.MULTILINE)
    words = [word for row in rows[1:] for word in row.split(", ")]
    assert len(words) == len(set(words))
    firsts = [row.split(", ")[0].lower() for row in rows[1:]]
    assert firsts == sorted(firsts)


def test_threat_model_has_every_attack_once():
    rows = re.findall(
        r"^\| (\d+)\.(\d+) \|(.*)\|$", text_of(ROOT / "docs/threat-model.md"), re.MULTILINE
    )
    numbers = [(int(section), int(number)) for section, number, _ in rows]
    assert len(numbers) == len(set(numbers)) >= 45
    assert numbers == sorted(numbers)
    for section, number, rest in rows:
        _, attack, control, test, left = (cell.strip() for cell in rest.split("|"))
        assert attack
        assert (control == "-") == (test == "-"), f"{section}.{number}: a control without a test"
        assert test != "-" or left != "-", f"{section}.{number}: neither test nor word"


@pytest.mark.parametrize("folder", ["specs", "guides"])
def test_every_page_is_in_the_table_of_contents(folder):
    listed = text_of(ROOT / "docs" / "README.md")
    for path in sorted((ROOT / "docs" / folder).glob("*.md")):
        assert f"]({folder}/{path.name})" in listed, path.name


def test_every_folder_of_vectors_is_in_its_table():
    listed = text_of(ROOT / "tests" / "README.md")
    for case in {path.parent.parent for path in ROOT.glob("tests/vectors/*/*/case.json")}:
        assert (
            f"| `tests/vectors/{case.name}/`" in listed
            or f", `tests/vectors/{case.name}/`" in listed
        )

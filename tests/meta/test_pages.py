# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Commands, links and messages on the pages for people are those of the code."""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import re
import shlex
import typing as t
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from demo.__main__ import parse as parse_demo
from tools import PROJECT
from upkeep.commands.main import _parser

LINK: t.Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING: t.Final = re.compile(r"^#{1,6} +(.*?)\s*#*$", re.MULTILINE)
FENCED: t.Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
IN_LINE: t.Final = re.compile(r"`([^`]+)`")
STARTS_COMMAND: t.Final = re.compile(
    r"(ansible-playbook|upkeep|(?:\.venv/bin/)?python3? -m (?:upkeep|demo)) (?!ALL=)"
)
#: What argparse prints where a page names a command without its arguments.
PART_OF_COMMAND: t.Final = re.compile(r"arguments are required|expected one argument")
SETS_VARIABLE: t.Final = re.compile(r"(\w+)=")
#: Folders of the project whose files pages name in backticks.
NAMED_FILE: t.Final = re.compile(
    r"`((?:controller|demo|docs|inventory|module_utils|playbooks|tests|tools|upkeep)/"
    r"[\w./-]+\.\w+)`"
)
#: For those who change Upkeep; CONTRIBUTING leads to it.
STYLE: t.Final = "docs/style.md"
#: Files that an older version had, which the list of changes names.
MADE: t.Final = frozenset[str]()
#: Folders of pages that name files of the systems.
OF_SYSTEMS: t.Final = {"systems", "people"}
#: Pages whose tables have messages in the first column.
WITH_MESSAGES: t.Final = ["docs/deploying.md", "docs/restoring.md"]
#: Messages of PostgreSQL, which the pages quote.
OF_OTHERS: t.Final = {
    "foreign key",
    "is not currently accepting connections",
    "must be owner of",
    "permission denied for",
    "unrecognized configuration parameter",
}
SHORTEST_FRAGMENT: t.Final = 5
YAML_FILES: t.Final = (
    "inventory/**/*.yml",
    "playbooks/*.yml",
    "playbooks/stages/*.yml",
    "roles/**/*.yml",
)
#: Signs around the fixed parts of a message.
BESIDE: t.Final = " '():"
#: Programs whose names a message fills in.
PROGRAMS: t.Final = "pg_restore "


def without_code(text: str) -> str:
    """Return a page without what stands in code, where brackets are no links."""
    return IN_LINE.sub("", FENCED.sub("", text))


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return all anchors of a page."""
    text = page.read_text(encoding="utf-8")
    named = re.findall(r'<a (?:id|name)="([^"]+)"', text)
    return frozenset([*map(anchor, HEADING.findall(FENCED.sub("", text))), *named])


def pages(tracked: list[Path]) -> list[Path]:
    """Return all pages of the project."""
    return [path for path in tracked if path.suffix == ".md"]


def broken_links(page: Path) -> Iterator[str]:
    """Yield the links of a page that lead to no file or no heading of this project."""
    for link in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        place, _, wanted = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if "://" in link or link.startswith("mailto:"):
            continue

        if not target.exists() or (
            wanted and target.suffix == ".md" and wanted not in anchors(target)
        ):
            yield link


def commands(text: str) -> Iterator[str]:
    """Yield the commands of a page that start something of this project."""
    joined = re.sub(r"\\\n\s*", "", text)
    blocks = [line.strip() for line in joined.splitlines() if line.startswith("    ")]
    fenced = [line.strip() for block in FENCED.findall(joined) for line in block.splitlines()]
    spans = [" ".join(span.split()) for span in IN_LINE.findall(FENCED.sub("", joined))]

    for line in (*blocks, *fenced, *spans):
        if STARTS_COMMAND.match(line):
            yield re.split(r" {2,}", line)[0]  # an explanation stands further to the right


@cache
def yaml_text() -> str:
    """Return what roles, playbooks and inventories hold, with blanks folded."""
    return " ".join(
        " ".join(path.read_text(encoding="utf-8").split())
        for pattern in YAML_FILES
        for path in sorted(PROJECT.glob(pattern))
    )


def is_known_variable(name: str) -> bool:
    """Return whether a role, a playbook or a plugin reads a variable."""
    return re.search(rf"\b{name}\b", yaml_text()) is not None or name in python_strings()


def wrong_playbook_options(words: list[str]) -> Iterator[str]:
    """Yield what a call of ansible-playbook names that does not exist."""
    for place, word in enumerate(words[1:], start=1):
        if word.startswith("playbooks/") and not (PROJECT / word).is_file():
            yield word

        if words[place - 1] == "--tags":
            yield from (tag for tag in word.split(",") if not (PROJECT / "roles" / tag).is_dir())
        elif words[place - 1] in {"-e", "--extra-vars"} and not word.startswith("@"):
            given = (
                re.findall(r'"(\w+)":', word)
                if word.startswith("{")
                else (SETS_VARIABLE.findall(word)[:1])
            )
            yield from (name for name in given if not is_known_variable(name))


def wrong_in(command: str) -> list[str]:
    """Return what is wrong with a command of a page, without starting it."""
    if command.startswith("ansible-playbook"):
        return list(wrong_playbook_options(shlex.split(command, comments=True)))

    plain = re.sub(r"[\[\]]|,? \.\.\.", "", command)  # what may be left out
    words = ["1" if word == "N" else word for word in shlex.split(plain, comments=True)]

    program = words[words.index("-m") + 1] if "-m" in words else "upkeep"
    given = words[words.index("-m") + 2 :] if "-m" in words else words[1:]
    parse: t.Callable[[list[str]], argparse.Namespace] = (
        parse_demo if program == "demo" else _parser().parse_args
    )
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parse(given)
    except SystemExit as end:
        is_part = PART_OF_COMMAND.search(said.getvalue()) is not None
        return [command] if end.code and not is_part else []

    return []


def fragments(message: str) -> list[str]:
    """Return the fixed parts of a message; figures and what dots stand for are left out."""
    parts = re.split(r"\.\.\.|\d+", message.removeprefix(PROGRAMS))
    return [part.strip(BESIDE) for part in parts if len(part.strip(BESIDE)) >= SHORTEST_FRAGMENT]


@cache
def python_strings() -> str:
    """Return all texts of the code, each in one piece; dots stand for what is filled in."""
    texts = []
    for folder in ("module_utils", "upkeep", "library", "action_plugins", "filter_plugins"):
        for path in sorted((PROJECT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value)
                elif isinstance(node, ast.JoinedStr):
                    texts.append(
                        "".join(
                            str(part.value) if isinstance(part, ast.Constant) else "..."
                            for part in node.values
                        )
                    )

    return "\n".join(texts)


def quoted_messages(page: str) -> Iterator[str]:
    """Yield the messages in the first column of a page's tables that begin with *message*."""
    is_in_table = False
    for line in (PROJECT / page).read_text(encoding="utf-8").splitlines():
        is_in_table = line.startswith("| message |") or (is_in_table and line.startswith("|"))
        if is_in_table:
            yield from IN_LINE.findall(line.split(" | ")[0])


def test_every_link_leads_to_a_file_and_a_heading(tracked: list[Path]) -> None:
    broken = {
        page.relative_to(PROJECT).as_posix(): list(broken_links(page)) for page in pages(tracked)
    }

    assert {page: links for page, links in broken.items() if links} == {}


def test_the_first_page_leads_to_every_role_and_page() -> None:
    first = LINK.findall((PROJECT / "README.md").read_text(encoding="utf-8"))
    roles = {f"roles/{path.name}/README.md" for path in (PROJECT / "roles").iterdir()}
    hand_written = {f"docs/{path.name}" for path in (PROJECT / "docs").glob("*.md")} - {STYLE}

    assert (roles | hand_written) - set(first) == set()


def test_files_that_pages_name_exist(tracked: list[Path]) -> None:
    missing = {
        f"{page.name}: {name}"
        for page in pages(tracked)
        if page.parent.name not in OF_SYSTEMS
        for name in NAMED_FILE.findall(page.read_text(encoding="utf-8"))
        if not (PROJECT / name).exists() and name not in MADE
    }

    assert missing == set()


def test_commands_of_pages_name_what_exists(tracked: list[Path]) -> None:
    wrong = {
        f"{page.name}: {command}": problems
        for page in pages(tracked)
        for command in commands(page.read_text(encoding="utf-8"))
        if (problems := wrong_in(command))
    }

    assert wrong == {}


@pytest.mark.parametrize("page", WITH_MESSAGES)
def test_messages_that_a_page_explains_are_those_of_the_code(page: str) -> None:
    messages = [message for message in quoted_messages(page) if "-e " not in message]
    known = python_strings() + yaml_text()
    unknown = [
        part
        for message in messages
        for part in fragments(message)
        if part not in known and part not in OF_OTHERS
    ]

    assert messages
    assert unknown == []


@pytest.mark.parametrize(
    "command",
    [
        "ansible-playbook playbooks/yearly.yml",
        "ansible-playbook playbooks/weekly.yml --tags log_rotations",
        "ansible-playbook playbooks/restore_backup.yml -e restore_sets=20261127T020000Z",
        "ansible-playbook playbooks/restore_backup.yml -e '{\"restore_artifacts\": []}'",
        "upkeep shows latest",
        "python -m upkeep runs --systems racing",
        "python -m demo up --seeds 2",
    ],
)
def test_the_rule_on_commands_bites(command: str) -> None:
    assert wrong_in(command) != []


def test_the_rule_on_links_bites(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A title\n\n[a](#a-title) [b](#none) [c](none.md) `[d](e)`\n")

    assert list(broken_links(page)) == ["#none", "none.md"]

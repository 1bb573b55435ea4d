# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The language and the layout that docs/style.md asks for, as far as a machine can hold them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

#: Phrases that cost every reader a second look, with what to write instead.
PHRASES = {
    r"(?<!here )\b(is|are) no (regular|valid|known|file|files|number|name|text|host|system|mapping|"
    r"list|Python|UTF-8|JSON|secret|secrets|mistake|run|check)\b": "is not a ...",
    r"\bstands? there (twice|more than once)\b": "duplicate",
    r"\bmend(s|ed)? (that|it|this)\b": "correct it, say what to change",
    r"\bthe (look|run|time|window) before\b": "the previous run",
    r"\bsince the look\b": "since the previous run",
    r"\bmay be told\b": "may be reported",
    r"\bis told (by|in|as|of|about|apart)\b": "is reported, is distinguished",
    r"\bno trouble with\b": "no failure of",
    r"\bnone of them is no\b": "say it without two negations",
    r"\bsaid so\b": "reported",
    r"\bspeaks? against\b": "prevents",
    r"\bkeepsakes?\b": "artifacts",
}
SEARCHED = {".py", ".md", ".yml", ".j2", ".txt"}
#: Texts of others, and this list.
LEFT_OUT = ("docs/requirements.", "LICENSE", "tests/meta/test_language.py", "tests/guide_figures/")
LONGEST_LINE = 100
#: Least share of blank lines in the bodies of functions of six lines and more.
LEAST_BLANK_SHARE = 0.05
LONG_BODY = 6


def phrases_in(text: str) -> list[str]:
    """Return the phrases of a text that docs/style.md refuses, each with what to write."""
    return [
        f"{match[0]!r}: {better}"
        for pattern, better in PHRASES.items()
        for match in re.finditer(pattern, text)
    ]


def named(tracked: list[Path], project: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and path of every file whose language is ours."""
    for path in tracked:
        name = path.relative_to(project).as_posix()
        if path.suffix in SEARCHED and not name.startswith(LEFT_OUT):
            yield name, path


def bodies(text: str) -> Iterator[list[str]]:
    """Yield the lines of each function body that is long enough to have steps."""
    lines = text.split("\n")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = lines[node.body[0].lineno - 1 : node.body[-1].end_lineno]
            if len(body) >= LONG_BODY:
                yield body


def is_generated(text: str) -> bool:
    """Return whether the first lines of a file say that it is generated."""
    return any("enerated" in line for line in text.split("\n")[:6])


def test_language_is_plain(tracked: list[Path], project: Path) -> None:
    found = {
        name: phrases_in(path.read_text(encoding="utf-8", errors="replace"))
        for name, path in named(tracked, project)
    }

    assert {name: phrases for name, phrases in found.items() if phrases} == {}


def test_python_is_at_most_100_columns_wide(tracked: list[Path]) -> None:
    wide = [
        f"{path.name}:{number}"
        for path in tracked
        if path.suffix == ".py" and not is_generated(path.read_text(encoding="utf-8"))
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1)
        if len(line) > LONGEST_LINE
    ]

    assert wide == []


def test_functions_have_room_between_their_steps(tracked: list[Path]) -> None:
    lines = [
        line
        for path in tracked
        if path.suffix == ".py"
        for body in bodies(path.read_text(encoding="utf-8"))
        for line in body
    ]
    share = sum(not line.strip() for line in lines) / len(lines)

    assert share >= LEAST_BLANK_SHARE


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("'x' is no regular file", "is not a"),
        ("the name stands there twice", "duplicate"),
        ("requests since the look before", "previous run"),
    ],
)
def test_the_rule_on_phrases_bites(text: str, better: str) -> None:
    assert any(better in phrase for phrase in phrases_in(text))

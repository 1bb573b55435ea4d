# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What no file of the project may be or hold."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import pytest

LONGEST_PYTHON_FILE = 500
HEADER = "# Copyright: Upkeep contributors\n# GNU General Public License v3.0+"
IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
ALLOWED = [
    ipaddress.ip_network(block)
    for block in (
        "127.0.0.0/8",
        "0.0.0.0/32",
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "255.0.0.0/8",
    )
]
#: Folders of one machine, which say nothing to a reader. Written so that this file does not match
#: itself.
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:w[o]rk|t[m]p/w|U[s]ers)/")


def text_of(path: Path) -> str:
    """Return the text of a file; nothing for a binary one."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def foreign_addresses(text: str) -> list[str]:
    """Return the IPv4 addresses that are neither loopback nor reserved for documentation."""
    found = []
    for match in IPV4.findall(text):
        try:
            address = ipaddress.ip_address(match)
        except ValueError:
            continue
        if not any(address in block for block in ALLOWED):
            found.append(match)

    return found


def test_addresses_are_reserved_ones(tracked: list[Path], project: Path) -> None:
    found = {
        path.relative_to(project).as_posix(): foreign_addresses(text_of(path)) for path in tracked
    }
    assert {name: addresses for name, addresses in found.items() if addresses} == {}


def test_no_path_of_a_machine(tracked: list[Path], project: Path) -> None:
    assert [
        path.relative_to(project).as_posix()
        for path in tracked
        if MACHINE_PATH.search(text_of(path))
    ] == []


def test_python_files_are_short_and_carry_the_header(tracked: list[Path], project: Path) -> None:
    python = [path for path in tracked if path.suffix == ".py" and text_of(path)]

    assert python

    names = {path: path.relative_to(project).as_posix() for path in python}

    assert [
        names[path] for path in python if len(text_of(path).splitlines()) > LONGEST_PYTHON_FILE
    ] == []
    assert [names[path] for path in python if HEADER not in text_of(path)[:300]] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("host 8.8." + "8.8.", ["8.8." + "8.8"]),
        ("10.0." + "0.5/24", ["10.0." + "0.5"]),
        ("127.0.0.1 and 192.0.2.7:22", []),
        ("version 2.19.14 and 999.1.1.1", []),
    ],
)
def test_the_rule_on_addresses_bites(text: str, found: list[str]) -> None:
    assert foreign_addresses(text) == found

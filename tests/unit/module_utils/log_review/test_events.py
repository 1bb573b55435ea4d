# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is shown of a log: no secrets, no addresses of people, nothing that a terminal obeys."""

from __future__ import annotations

import re

import pytest
from ansible.module_utils.upkeep.base import redact
from ansible.module_utils.upkeep.log_review import events
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("password=hunter2hunter2", "hunter2"),
        ('{"api_key": "abcd1234efgh"}', "abcd1234"),
        ('{\\"token\\": \\"abcd1234efgh\\"}', "abcd1234"),
        ("Authorization: Bearer abcdefgh.ijkl", "abcdefgh"),
        ("postgresql://app:s3cr3t@db.example.org/x", "s3cr3t"),
        ("key AKIAABCDEFGHIJKLMNOP", "AKIAABCD"),
        ("jwt eyJhbGciOiJI.eyJzdWIiOiIx.abc", "eyJzdWI"),
        ("Cookie: session=abcdef; other=1", "abcdef"),
        ("mail to ada.l@example.org now", "ada.l@"),
        ("secret: a1b2c3d4e5", "a1b2c3"),
    ],
)
def test_secrets_and_people_are_hidden(line: str, hidden: str) -> None:
    assert hidden not in events.show_line(line.encode())


@pytest.mark.parametrize(
    "line",
    [
        "password=masked",
        "signing key masked",
        "token: expired",
        "monkey=banana",
        "password: null",
        "keyboard 123",
    ],
)
def test_what_is_not_a_secret_is_left(line: str) -> None:
    assert next(redact.find(line.encode()), None) is None


@given(st.binary(max_size=400))
def test_any_bytes_can_be_shown(data: bytes) -> None:
    line = events.show_line(data)
    assert line.isprintable()
    assert len(line) <= events.SHOWN


def test_messages_of_one_kind_have_one_fingerprint() -> None:
    kinds = {
        events.fingerprint(f"job {n} of req_5f1c0a{n}be2d4 failed: HTTP 50{n}") for n in range(9)
    }
    assert kinds == {"job # of # failed: HTTP #"}


@given(st.text(st.characters(codec=None), max_size=200))
def test_remembering_does_not_alter_a_fingerprint(message: str) -> None:
    first = message.split("\n", 1)[0][:160]
    assert events.fingerprint(message) == re.sub(r"\b[^\W\d]*\d[\w-]*", "#", first)

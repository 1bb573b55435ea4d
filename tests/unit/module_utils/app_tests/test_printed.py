# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a suite printed: one short line without secrets."""

from __future__ import annotations

import pytest
from ansible.module_utils.upkeep.app_tests.printed import printable, secrets_of
from ansible.module_utils.upkeep.base.redact import MASK
from hypothesis import given
from hypothesis import strategies as st


def test_secrets_are_known_by_name_and_place() -> None:
    environment = {
        "DATABASE_URL": "postgresql://shop:p%40ssword@db.example.org/shop",
        "API_TOKEN": "0123456789",
        "PASSWORD": "x",
        "PLAIN": "nothing",
    }

    assert secrets_of(environment) == {"p%40ssword", "p@ssword", "0123456789"}


@given(
    st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=12, max_size=40),
    st.text(),
    st.text(),
)
def test_a_secret_is_never_shown_whatever_stands_around_it(
    secret: str, before: str, after: str
) -> None:
    text = printable(f"{before} {secret} {after}", {secret}, 10_000)
    assert secret not in text
    assert MASK in text


@given(st.text(), st.integers(min_value=5, max_value=100))
def test_what_is_shown_is_one_short_line(text: str, limit: int) -> None:
    line = printable(text, (), limit)
    assert len(line) <= limit
    assert line.isprintable()


@pytest.mark.parametrize(
    "text", ["tests.test_tokens::test_login", "12 passed in 3 s", "shop.secrets::test_it[a-b]"]
)
def test_names_of_tests_stay_readable(text: str) -> None:
    assert printable(text, (), 100) == text

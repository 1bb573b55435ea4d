# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reports of any shape: what they say is counted, what cannot be trusted is refused, what is shown holds no secrets."""

from __future__ import annotations

import typing as t
from xml.sax.saxutils import quoteattr

import pytest
from ansible.module_utils.upkeep.app_tests import junit
from ansible.module_utils.upkeep.app_tests.errors import ReportError
from ansible.module_utils.upkeep.app_tests.redaction import MASK, secrets_of, shown
from ansible.module_utils.upkeep.app_tests.supervisor import covered
from hypothesis import given
from hypothesis import strategies as st

OUTCOMES: t.Final = {
    "passed": "",
    "failure": "<failure message='a'>b</failure>",
    "error": "<error message='a'>b</error>",
    "skipped": "<skipped message='a'/>",
}
#: XML has no control characters, and attributes lose white space.
NAMES: t.Final = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=300
)


def report(*tests: str) -> bytes:
    """Return a report with test cases."""
    return f"<testsuites><testsuite tests='999'>{''.join(tests)}</testsuite></testsuites>".encode()


def case(name: str, outcome: str) -> str:
    """Return one test case."""
    return f"<testcase classname='shop' name={quoteattr(name)}>{OUTCOMES[outcome]}</testcase>"


@given(st.lists(st.tuples(NAMES, st.sampled_from(sorted(OUTCOMES))), max_size=60))
def test_every_test_is_counted_once(cases: list[tuple[str, str]]) -> None:
    found = junit.parse(report(*(case(name, outcome) for name, outcome in cases)))
    outcomes = [outcome for _, outcome in cases]

    assert (found.tests, found.passed, found.failed, found.broken, found.skipped) == (
        len(cases),
        *(outcomes.count(outcome) for outcome in ("passed", "failure", "error", "skipped")),
    )

    bad = [name for name, outcome in cases if outcome in ("failure", "error")]

    assert found.names == [f"shop::{name}"[: junit.LONGEST_NAME] for name in bad[: junit.KEPT]]


@given(st.binary(max_size=300))
def test_bytes_are_a_report_or_refused(content: bytes) -> None:
    try:
        assert junit.parse(content).tests >= 0
    except ReportError as error:
        assert str(error)


@given(st.integers(min_value=1, max_value=400))
def test_a_report_that_is_cut_short_is_refused(kept: int) -> None:
    whole = report(*(case(str(number), "passed") for number in range(10)))
    with pytest.raises(ReportError):
        junit.parse(whole[: min(kept, len(whole) - 1)])


def test_a_test_that_fails_and_breaks_counts_once_and_a_skip_does_not_hide_it() -> None:
    both = "<testcase name='a'><failure/><error/></testcase><testcase name='b'><error/><skipped/></testcase>"
    found = junit.parse(report(both))
    assert (found.tests, found.passed, found.broken) == (2, 0, 2)


def test_figures_are_read_from_tests_and_not_from_elsewhere() -> None:
    given_value = '<properties><property name="figure:speed" value="{}"/></properties>'
    text = (
        given_value.format("9 s")
        + f"<testcase name='a'>{given_value.format('1.5e1 ms')}</testcase>"
    )

    assert junit.parse(report(text)).figures == {"speed": junit.Measured(15.0, "ms")}

    twice = f"<testcase name='a'>{given_value.format(1)}{given_value.format(2)}</testcase>"

    with pytest.raises(ReportError, match="recorded twice"):
        junit.parse(report(twice))


@pytest.mark.parametrize(
    "value", ["fast", "nan", "1e999 ms", "12 ms and more", "", "0x10", "1_000"]
)
def test_a_figure_that_is_no_number_spoils_the_report(value: str) -> None:
    properties = f'<properties><property name="figure:speed" value="{value}"/></properties>'
    with pytest.raises(ReportError, match="not a number and its unit"):
        junit.parse(report(f"<testcase name='a'>{properties}</testcase>"))


def test_a_report_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit, "LARGEST", 10)
    with pytest.raises(ReportError, match="larger than 10 bytes"):
        junit.parse(report())


@pytest.mark.parametrize(
    ("content", "share"),
    [
        (b"SF:a.py\nDA:1,1\nLF:10\nLH:9\nend_of_record\n", 90.0),
        (b"SF:a.py\nLF:10\nLH:10\nend_of_record\nSF:b.py\nLF:30\nLH:0\nend_of_record\n", 25.0),
        (b"SF:a.py\r\nLF:4\r\nLH:4\r\nend_of_record\n", 100.0),
    ],
)
def test_coverage_is_that_of_all_files(content: bytes, share: float) -> None:
    assert covered(content) == share


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"LF:10\nLH:9\n",
        b"LF:0\nLH:0\nend_of_record\n",
        b"LF:10\nLH:11\nend_of_record\n",
        b"LF:ten\nLH:9\nend_of_record\n",
        b"LF:-10\nLH:9\nend_of_record\n",
        b"LF:10\nLH:9\nend_of_record\nSF:b.py\nLF:1",
    ],
)
def test_coverage_that_cannot_be_trusted_is_refused(content: bytes) -> None:
    with pytest.raises(ReportError):
        covered(content)


@given(st.binary(max_size=200))
def test_coverage_is_a_share_or_refused(content: bytes) -> None:
    try:
        assert 0 <= covered(content) <= 100
    except ReportError as error:
        assert str(error)


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
    text = shown(f"{before} {secret} {after}", {secret}, 10_000)
    assert secret not in text
    assert MASK in text


@given(st.text(), st.integers(min_value=5, max_value=100))
def test_what_is_shown_is_one_short_line(text: str, limit: int) -> None:
    line = shown(text, (), limit)
    assert len(line) <= limit
    assert line.isprintable()


@pytest.mark.parametrize(
    "text", ["tests.test_tokens::test_login", "12 passed in 3 s", "shop.secrets::test_it[a-b]"]
)
def test_names_of_tests_stay_readable(text: str) -> None:
    assert shown(text, (), 100) == text

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reports of any shape: counted, or refused where they cannot be trusted."""

from __future__ import annotations

import typing as t
from xml.sax.saxutils import quoteattr

import pytest
from ansible.module_utils.upkeep.app_tests import junit
from ansible.module_utils.upkeep.app_tests.errors import ReportError
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
    first = "<testcase name='a'><failure/><error/></testcase>"
    second = "<testcase name='b'><error/><skipped/></testcase>"

    found = junit.parse(report(first, second))

    assert found.tests == 2
    assert found.passed == 0
    assert found.broken == 2


def test_figures_are_read_from_tests_and_not_from_elsewhere() -> None:
    given_value = '<properties><property name="figure:speed" value="{}"/></properties>'
    text = (
        given_value.format("9 s")
        + f"<testcase name='a'>{given_value.format('1.5e1 ms')}</testcase>"
    )

    assert junit.parse(report(text), ["speed"]).figures == {
        "speed": junit.MeasuredFigure(15.0, "ms")
    }

    twice = f"<testcase name='a'>{given_value.format(1)}{given_value.format(2)}</testcase>"

    with pytest.raises(ReportError, match="recorded twice"):
        junit.parse(report(twice), ["speed"])


@pytest.mark.parametrize(
    "value", ["fast", "nan", "1e999 ms", "12 ms and more", "", "0x10", "1_000"]
)
def test_a_figure_that_is_no_number_spoils_the_report(value: str) -> None:
    properties = f'<properties><property name="figure:speed" value="{value}"/></properties>'
    with pytest.raises(ReportError, match="not a number and its unit"):
        junit.parse(report(f"<testcase name='a'>{properties}</testcase>"), ["speed"])


def test_a_report_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit, "LARGEST", 10)
    with pytest.raises(ReportError, match="larger than 10 bytes"):
        junit.parse(report())

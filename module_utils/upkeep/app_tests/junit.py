# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a run in JUnit's XML: counts, names of failed tests, and recorded figures.

It was written by code under test, so it is read strictly: UTF-8, no document type (and so no
entities), a bounded number of bytes, names and figures.
"""

from __future__ import annotations

import math
import re
import typing as t
from dataclasses import dataclass, field
from xml.parsers import expat

from .errors import ReportError

#: Largest report, bytes.
LARGEST: t.Final = 32 << 20
#: Names of failed tests that are kept, each cut to so many characters.
KEPT: t.Final = 50
LONGEST_NAME: t.Final = 200
#: A test records a figure by ``record_property("figure:<name>", "<number> <unit>")``.
FIGURE: t.Final = "figure:"

_VALUE: t.Final = re.compile(
    r"^([+-]?\d{1,15}(?:\.\d{1,15})?(?:[eE][+-]?\d{1,3})?)(?: (\S{1,16}))?$"
)


class MeasuredFigure(t.NamedTuple):
    """A figure as a test recorded it; ``unit`` is empty for a number without one."""

    value: float
    unit: str


@dataclass
class JunitReport:
    """What one run reported; ``broken`` are tests that could not be run or collected."""

    tests: int = 0
    failed: int = 0
    broken: int = 0
    skipped: int = 0
    names: list[str] = field(default_factory=list)
    figures: dict[str, MeasuredFigure] = field(default_factory=dict)

    @property
    def passed(self) -> int:
        """Tests that ran and found nothing."""
        return self.tests - self.failed - self.broken - self.skipped


def parse(content: bytes, figures: t.Collection[str] = ()) -> JunitReport:
    """Return what a report holds, of its figures only those with the given names.

    Raises ReportError when it is damaged, cut short or not such a report.
    """
    if len(content) > LARGEST:
        raise ReportError(f"the report is larger than {LARGEST} bytes")

    reader = _Reader(figures)

    try:
        reader.parser.Parse(content.decode("utf-8"), True)
    except (expat.ExpatError, UnicodeDecodeError) as error:
        raise ReportError(f"the report is damaged or cut short ({error})") from error

    if not reader.is_report:
        raise ReportError("the report is XML, but not JUnit's")

    return reader.report


class _Reader:
    """Collects a report while it is parsed; only the outcome of each test is kept."""

    def __init__(self, figures: t.Collection[str]) -> None:
        self.wanted = frozenset(figures)
        self.report = JunitReport()
        self.is_report = False
        self.depth = 0
        self.test: str | None = None
        self.outcome = ""
        self.parser = expat.ParserCreate("utf-8")
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.StartDoctypeDeclHandler = self.refuse

    def refuse(self, *_: t.Any) -> None:
        raise ReportError("the report declares a document type, which no test tool does")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self.depth == 0:
            self.is_report = tag in ("testsuites", "testsuite")

        self.depth += 1
        if tag == "testcase":
            self.test = "::".join(
                filter(None, (attributes.get("classname"), attributes.get("name", "?")))
            )
            self.outcome = ""
        elif self.test is None:
            return
        elif tag in ("failure", "error"):
            self.outcome = tag
        elif tag == "skipped":
            self.outcome = self.outcome or tag
        elif tag == "property" and attributes.get("name", "").startswith(FIGURE):
            self.keep(attributes["name"].removeprefix(FIGURE), attributes.get("value", ""))

    def end(self, tag: str) -> None:
        self.depth -= 1
        if tag != "testcase" or self.test is None:
            return

        report = self.report
        report.tests += 1
        report.failed += self.outcome == "failure"
        report.broken += self.outcome == "error"
        report.skipped += self.outcome == "skipped"
        if self.outcome in ("failure", "error") and len(report.names) < KEPT:
            report.names.append(self.test[:LONGEST_NAME])

        self.test = None

    def keep(self, name: str, value: str) -> None:
        if name not in self.wanted:
            return

        matched = _VALUE.match(value)
        number = float(matched[1]) if matched else math.nan
        if not math.isfinite(number):
            raise ReportError(f"the figure '{name}' is {value!r:.60}, not a number and its unit")
        if name in self.report.figures:
            raise ReportError(f"the figure '{name}' was recorded twice, so neither counts")

        self.report.figures[name] = MeasuredFigure(number, (matched[2] or "") if matched else "")

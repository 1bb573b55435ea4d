# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The requirement trace counts what is there, and refuses what it cannot read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import trace
from tools.evidence import EvidenceError, Mention, from_data, from_tests

ROWS = """\
id,system,cadence,kind,area,requirement
R-alpha-01,alpha,daily,C,health,Ask | whether it lives.
R-alpha-02,alpha,daily,A,logs,Rotate the logs.
R-alpha-03,alpha,monthly,H,logs,Decide what to keep.
R-beta-01,beta,weekly,D,docs,Write it down.
"""


def write(root: Path, path: str, text: str) -> None:
    """Write a file and its folders."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a small project: two ids delivered, one of them tested."""
    write(tmp_path, "docs/requirements.csv", ROWS)
    write(
        tmp_path,
        "inventory/group_vars/alpha/health.yml",
        "system_checks:\n  - name: api\n    password: !vault |\n      abc\n"
        "    requirements: [R-alpha-01]\n"
        "system_keep:\n  days: 7\n  requirements: [R-alpha-03]\n",
    )
    write(tmp_path, "inventory/group_vars/all/inputs.yml", "logs_entries: '{{ system_checks }}'\n")
    write(
        tmp_path,
        "roles/logs/tasks/main.yml",
        "- name: Do\n  logs: {entries: '{{ logs_entries }}'}\n",
    )
    write(
        tmp_path,
        "roles/logs/defaults/main.yml",
        "logs_entries: []\nrequirements: '{{ passed_on }}'\n",
    )
    write(tmp_path, "roles/logs/meta/argument_specs.yml", "requirements: [R-none-01]\n")
    write(
        tmp_path,
        "tests/unit/test_a.py",
        "import pytest\n\nclass TestApi:\n"
        '    @pytest.mark.requirement("R-alpha-01", "R-alpha-02")\n'
        "    def test_lives(self): ...\n\nTEXT = '@pytest.mark.requirement(\"R-none-01\")'\n",
    )
    write(
        tmp_path,
        "tests/evidence.csv",
        "id,check,figure,test\n"
        "R-alpha-01,http:api,at most 5,tests/unit/test_a.py::TestApi::test_lives\n"
        "R-alpha-03,http:api,at most 5,tests/unit/test_a.py::TestApi::test_lives\n",
    )

    return tmp_path


def test_places_are_named_after_entry_and_test(project: Path) -> None:
    data = from_data(project)

    assert data.delivered == {
        "R-alpha-01": [Mention("inventory/group_vars/alpha/health.yml", "api")]
    }
    assert data.planned == {
        "R-alpha-03": [Mention("inventory/group_vars/alpha/health.yml", "system_keep")]
    }
    assert from_tests(project)["R-alpha-02"] == [
        Mention("tests/unit/test_a.py", "TestApi.test_lives")
    ]


def test_a_test_without_delivery_does_not_count(project: Path) -> None:
    found = trace.collect(project)
    figures = trace.count(found, found.rows)
    assert trace.closing_line(figures) == "trace automated=2 delivered=1 tested=1 human=1 open=1"


def test_a_mark_alone_shows_nothing(project: Path) -> None:
    (project / "tests" / "evidence.csv").unlink()
    found = trace.collect(project)

    assert trace.count(found, found.rows).tested == 0
    assert "[unit/test_a.py]" in trace.render(found)


def test_evidence_of_an_unknown_requirement_is_an_error(project: Path) -> None:
    with (project / "tests" / "evidence.csv").open("a") as stream:
        stream.write("R-alpha-77,http:api,at most 5,tests/unit/test_a.py::test_x\n")

    with pytest.raises(EvidenceError, match=r"tests/evidence\.csv: R-alpha-77 is not in"):
        trace.collect(project)


def test_a_figure_that_nothing_reads_delivers_nothing(project: Path) -> None:
    (project / "inventory/group_vars/all/inputs.yml").write_text("logs_entries: []\n")
    found = trace.collect(project)

    assert trace.count(found, found.rows).delivered == 0
    assert (
        "| open, planned in [alpha/health.yml](../inventory/group_vars/alpha/health.yml): `api` |"
        in trace.render(found)
    )


def test_page_links_what_delivers_and_marks_what_is_open(project: Path) -> None:
    page = trace.render(trace.collect(project))

    assert (
        "| Ask \\| whether it lives. | "
        "[alpha/health.yml](../inventory/group_vars/alpha/health.yml): `api` |" in page
    )
    assert (
        "| Rotate the logs. | open |  | "
        "[unit/test_a.py](../tests/unit/test_a.py): `TestApi.test_lives` |" in page
    )
    assert "| all | 2 | 1 | 1 | 1 | 1 |" in page


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (
            "inventory/group_vars/alpha/x.yml",
            "x: {requirements: [R-alpha-99]}",
            r"alpha/x\.yml: R-alpha-99 is not in",
        ),
        (
            "molecule/logs/tests/test_x.py",
            'mark.requirement("R-beta-77")',
            r"test_x\.py: R-beta-77 is not in",
        ),
        (
            "playbooks/weekly.yml",
            "- requirements: R-alpha-01",
            r"weekly\.yml: `requirements` must be a list",
        ),
        (
            "tests/unit/test_x.py",
            "pytest.mark.requirement(ID)",
            r"test_x\.py:1: write the ids .* as plain strings",
        ),
    ],
)
def test_what_cannot_be_traced_is_an_error(
    project: Path, path: str, text: str, message: str
) -> None:
    write(project, path, text)
    with pytest.raises(EvidenceError, match=message):
        trace.collect(project)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("R-alpha-01,alpha,daily,C,health,Again.\n", "R-alpha-01 is a duplicate"),
        ("R-alpha-09,alpha,daily,X,health,What?\n", "R-alpha-09 has kind 'X'"),
    ],
)
def test_requirement_rows_are_checked(project: Path, row: str, message: str) -> None:
    write(project, "docs/requirements.csv", ROWS + row)
    with pytest.raises(EvidenceError, match=message):
        trace.collect(project)

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module app_tests: suites that pass, fail, skip or do not exist, and their figures."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.basic import AnsibleModule

from tests.unit.library.app_projects import USER, Project
from tests.unit.library.module_calls import by_check

PASSING: t.Final = """
import pytest
def test_one(): pass
def test_two(): pass
@pytest.mark.skip(reason="later")
def test_three(): pass
"""
FIGURES: t.Final = """
def test_speed(record_property):
    record_property("figure:search_time", "12.5 ms")
    record_property("figure:rows", "1000")
"""
FIGURE: t.Final = {
    "name": "search_time",
    "warning_percent": 20,
    "critical_percent": 100,
    "requirements": ["R-shop-02"],
}
RECORD: t.Final = {"value": 12.0, "unit": "ms", "approved_by": "A. Reviewer", "date": "2025-01-31"}


@pytest.mark.requirement("R-student_success-19", "R-student_success-57")
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_suite_that_passes_is_fine(shop: Project, check_mode: bool) -> None:
    suite = {"requirements": ["R-shop-01"]}
    answer = shop.test(PASSING, suite, _ansible_check_mode=check_mode)
    found = by_check(answer)["tests:unit"]

    assert answer["changed"] is False
    assert found["status"] == "ok"
    assert found["observed"] == "2 passed, 1 skipped"
    assert found["requirements"] == ["R-shop-01"]

    facts = answer["suites"][0]

    assert facts["tests"] == 3
    assert facts["passed"] == 2
    assert facts["skipped"] == 1
    assert facts["exit_code"] == 0
    assert facts["seconds"] > 0


@pytest.mark.requirement("R-student_success-19")
def test_failed_tests_are_critical_and_named(shop: Project) -> None:
    text = "\n".join(f"def test_{i}(): assert {i} > 3" for i in range(5))
    found = by_check(shop.test(text))["tests:unit"]

    assert found["status"] == "critical"
    assert found["observed"] == "1 passed, 4 failed"
    assert (
        "tests.test_it::test_0, tests.test_it::test_1, tests.test_it::test_2 and 1 more"
        in found["message"]
    )


def test_a_file_that_cannot_be_imported_is_a_failure(shop: Project) -> None:
    found = by_check(shop.test("import nothing_like_that"))["tests:unit"]
    assert found["status"] == "critical"
    assert found["observed"] == "0 passed, 1 broken"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "holds no tests (it ended with exit code 5)"),
        ("def helper(): pass", "holds no tests"),
        ("import pytest\n@pytest.mark.skip\ndef test_it(): pass", "All its 1 tests were skipped"),
    ],
)
def test_nothing_tested_is_unknown(shop: Project, text: str, word: str) -> None:
    found = by_check(shop.test(text))["tests:unit"]
    assert found["status"] == "unknown"
    assert word in found["message"]


def test_a_suite_that_is_not_there_is_unknown_and_others_run(shop: Project) -> None:
    shop.write("tests/test_it.py", PASSING)
    found = by_check(
        shop.run([{"name": "gone", "paths": ["gone"]}, {"name": "unit", "paths": ["tests"]}])
    )

    assert found["tests:gone"]["status"] == "unknown"
    assert found["tests:unit"]["status"] == "ok"
    assert f"'{shop.folder}/gone' does not exist" in found["tests:gone"]["message"]


def test_a_python_without_pytest_is_unknown_and_says_so(shop: Project) -> None:
    shop.write("lib/pytest.py", "raise ModuleNotFoundError('No module named pytest')")
    found = by_check(shop.test(PASSING, python_path=[str(shop.folder / "lib")]))["tests:unit"]

    assert found["status"] == "unknown"
    assert "it wrote no report" in found["message"]
    assert "No module named pytest" in found["message"]

    gone = by_check(shop.test(PASSING, interpreter="/opt/nothing/python"))["tests:unit"]

    assert gone["status"] == "unknown"
    assert "cannot be run" in gone["message"]


def test_only_tests_with_the_mark_are_run(shop: Project) -> None:
    text = "import pytest\n@pytest.mark.read_only\ndef test_a(): pass\ndef test_b(): assert False"
    found = by_check(shop.test(text, {"marker": "read_only"}))["tests:unit"]
    assert found["status"] == "ok"
    assert found["observed"] == "1 passed"


def test_a_suite_lives_in_its_own_world(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://shop:hidden@127.0.0.1/shop")
    text = f"""
import os, pwd, tempfile
def test_environment():
    assert "DATABASE_URL" not in os.environ and os.environ["BASE_URL"] == "http://127.0.0.1"
    assert "upkeep-tests-" in os.getcwd() and "upkeep-tests-" in tempfile.gettempdir()
    assert "upkeep-tests-" in os.environ["HOME"] == os.path.expanduser("~")
def test_user():
    assert pwd.getpwuid(os.geteuid()).pw_name == {USER!r} and os.geteuid() != 0
    assert 0 not in os.getgroups() or {os.geteuid() != 0}
def test_writes_vanish():
    open("left_behind", "w").close(); open(os.path.expanduser("~/left_behind"), "w").close()
"""
    found = by_check(shop.test(text, {"environment": {"BASE_URL": "http://127.0.0.1"}}))[
        "tests:unit"
    ]

    assert found["status"] == "ok", found
    assert [
        path
        for path in shop.folder.rglob("*")
        if "cache" in path.name or path.name == "left_behind"
    ] == []


def test_tests_may_work_in_a_folder_of_the_project(shop: Project) -> None:
    shop.write("data/rows.csv", "a\n1\n")
    text = "def test_it(): assert open('data/rows.csv').read() == 'a\\n1\\n'"
    assert by_check(shop.test(text))["tests:unit"]["status"] == "critical"
    assert by_check(shop.test(text, chdir=str(shop.folder)))["tests:unit"]["status"] == "ok"


def test_a_figure_of_which_less_is_worse(shop: Project) -> None:
    figure = {"name": "rows", "worse": "below", "warning_percent": 20}
    baseline = {"rows": {**RECORD, "value": 2000, "unit": ""}}
    found = by_check(shop.test(FIGURES, {"figures": [figure]}, baseline=baseline))[
        "performance:rows"
    ]

    assert found["status"] == "warning"
    assert found["expected"] == "at least 1600"
    assert "50 % worse" in found["message"]


def test_a_figure_without_baseline_or_measurement_is_unknown_and_says_what_to_do(
    shop: Project,
) -> None:
    figures = [FIGURE, {**FIGURE, "name": "never_measured"}]
    found = by_check(shop.test(FIGURES, {"figures": figures}))

    assert {item["status"] for check, item in found.items() if check.startswith("performance")} == {
        "unknown"
    }
    assert (
        "playbooks/renew_baseline.yml -e baseline_approved_by=NAME"
        in found["performance:search_time"]["message"]
    )

    damaged = shop.test(FIGURES, {"figures": [FIGURE]}, baseline_problem="the file is damaged")

    assert "the file is damaged" in by_check(damaged)["performance:search_time"]["message"]


@pytest.mark.requirement("R-student_success-130")
def test_an_old_baseline_is_due_for_renewal(shop: Project) -> None:
    baseline = {"search_time": {**RECORD, "date": "2020-01-31"}}
    suite = {"figures": [FIGURE]}
    found = by_check(shop.test(FIGURES, suite, baseline=baseline, baseline_max_age_days=100))[
        "performance:search_time"
    ]

    assert found["status"] == "info"
    assert "Renew the baseline" in found["message"]


def test_figures_of_a_suite_that_fails_still_count_and_of_one_that_is_not_trusted_do_not(
    shop: Project,
) -> None:
    suite, baseline = {"figures": [FIGURE]}, {"search_time": RECORD}
    failing = by_check(
        shop.test(f"{FIGURES}\ndef test_bad(): assert False", suite, baseline=baseline)
    )

    assert failing["tests:unit"]["status"] == "critical"
    assert failing["performance:search_time"]["status"] == "ok"

    leaving = "import atexit, os\natexit.register(os._exit, 9)"
    strange = by_check(shop.test(f"{leaving}\n{FIGURES}", suite, baseline=baseline))

    assert {item["status"] for item in strange.values()} == {"unknown"}


def test_a_figure_that_is_no_number_spoils_the_report(shop: Project) -> None:
    text = "def test_it(record_property): record_property('figure:search_time', 'fast')"
    found = by_check(shop.test(text, {"figures": [FIGURE]}))
    assert {item["status"] for item in found.values()} == {"unknown"}
    assert "not a number and its unit" in found["tests:unit"]["message"]


@pytest.mark.requirement("R-student_success-130")
def test_recording_returns_the_new_baseline_and_keeps_what_was_approved_beside_it(
    shop: Project,
) -> None:
    shop.write("other/test_other.py", "def test_it(): assert False")
    shop.write("tests/test_it.py", FIGURES)
    suites = [
        {"name": "unit", "paths": ["tests"], "figures": [FIGURE]},
        {"name": "other", "paths": ["other"]},
    ]
    old = {
        "search_time": {**RECORD, "value": 3.0, "tolerance": {"warning_percent": 70}},
        "by_somebody_else": RECORD,
    }
    answer = shop.run(suites, state="recorded", approved_by=" B. Reviewer ", baseline=old)
    made = answer["record"]["search_time"]

    assert made["value"] == 12.5
    assert made["unit"] == "ms"
    assert made["approved_by"] == "B. Reviewer"
    assert made["tolerance"] == {"warning_percent": 70}
    assert answer["record"]["by_somebody_else"] == RECORD
    assert [item["check"] for item in answer["findings"]] == ["tests:unit"], (
        "only suites with figures are run"
    )

    again = by_check(shop.run(suites[:1], baseline=answer["record"]))

    assert again["performance:search_time"]["status"] == "ok"


@pytest.mark.parametrize(
    ("text", "approved_by", "word"),
    [
        (FIGURES, "  ", "approved_by"),
        (
            f"{FIGURES}\ndef test_bad(): assert False",
            "B. Reviewer",
            "nothing is recorded, tests:unit is critical",
        ),
        ("def test_it(): pass", "B. Reviewer", "'search_time' was not measured"),
        (
            "def test_it(record_property): record_property('figure:search_time', '0 ms')",
            "B. Reviewer",
            "must be above 0",
        ),
    ],
)
def test_what_must_not_become_a_baseline(
    shop: Project, text: str, approved_by: str, word: str
) -> None:
    answer = shop.test(text, {"figures": [FIGURE]}, state="recorded", approved_by=approved_by)
    assert answer["failed"]
    assert word in answer["msg"]


@pytest.mark.parametrize(
    ("suite", "arguments", "word"),
    [
        ({"name": "Unit"}, {}, "'Unit'"),
        ({"name": "unit; rm"}, {}, "'unit; rm'"),
        ({"paths": []}, {}, "paths"),
        ({"paths": ["../other"]}, {}, "'../other'"),
        ({"paths": ["/etc"]}, {}, "'/etc'"),
        ({"paths": ["--pdb"]}, {}, "'--pdb'"),
        ({"seconds": 0}, {}, "seconds"),
        ({"environment": {"HOME": "/root"}}, {}, "'HOME'"),
        ({"environment": {"A B": "1"}}, {}, "'A B'"),
        ({"coverage": {"source": ["shop"], "minimum": 101}}, {}, "101"),
        ({"coverage": {"source": ["--x"], "minimum": 50}}, {}, "--x"),
        (
            {"figures": [{**FIGURE, "critical_percent": 5}]},
            {},
            "critical_percent below warning_percent",
        ),
        ({"figures": [FIGURE, FIGURE]}, {}, "duplicate name 'search_time' of a figure"),
        ({"database": True}, {}, "environment_file"),
        ({"nonsense": True}, {}, "nonsense"),
        ({}, {"user": "root"}, "do not run as root"),
        ({}, {"user": "nobody-like-that"}, "nobody-like-that"),
        ({}, {"folder": "relative"}, "must begin with /"),
        ({}, {"space_mb": 0}, "space_mb"),
        (
            {},
            {"database": {"name": "shop"}, "production_databases": ["shop"]},
            "'shop' is a production database",
        ),
    ],
)
def test_bad_input_is_refused_by_name(
    shop: Project, suite: dict[str, t.Any], arguments: dict[str, t.Any], word: str
) -> None:
    answer = shop.run([{"name": "unit", "paths": ["tests"], **suite}], **arguments)
    assert answer["failed"]
    assert word in answer["msg"]


def test_two_suites_of_one_name_are_refused(shop: Project) -> None:
    answer = shop.run([{"name": "unit", "paths": ["tests"]}] * 2)

    assert "duplicate name 'unit' of a suite" in answer["msg"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_the_report_is_read_even_from_a_home_that_only_the_service_user_may_read(
    shop: Project,
) -> None:
    shop.write("tests/test_it.py", PASSING)
    os.chown(shop.folder, 65534, 65534)
    Path(shop.folder).chmod(0o700)

    assert (
        by_check(shop.run([{"name": "unit", "paths": ["tests"]}]))["tests:unit"]["status"] == "ok"
    )


def test_environments_stay_out_of_answer_and_log_and_blot_out_nothing(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(AnsibleModule, "log", lambda _self, text, **_: logged.append(str(text)))
    environment = {"MODE": "passed", "API_TOKEN": "hidden-7531", "NUMBER": "1"}

    answer = shop.test(PASSING, {"environment": environment})

    assert by_check(answer)["tests:unit"]["observed"] == "2 passed, 1 skipped"
    assert "hidden-7531" not in str(answer)
    assert "suites" not in answer.get("invocation", {}).get("module_args", {})
    assert logged
    assert "hidden-7531" not in str(logged)


def test_only_figures_that_the_suite_names_are_returned(shop: Project) -> None:
    text = (
        FIGURES
        + """
def test_flood(record_property):
    for number in range(5000):
        record_property(f"figure:f{number}", "1 ms")
"""
    )
    answer = shop.test(text, {"figures": [FIGURE]})

    assert answer["suites"][0]["figures"] == {"search_time": 12.5}
    assert len(answer["findings"]) == 2

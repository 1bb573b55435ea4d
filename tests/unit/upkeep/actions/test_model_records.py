# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Records that hosts answer are hostile input: only what was asked for comes into a manifest."""

from __future__ import annotations

import typing as t

import pytest

from upkeep.actions.approved_files import RecordsError
from upkeep.actions.model_records import RecordRequest, merge

WHO: t.Final = "A. Reviewer"


def record(digit: str = "0", **more: t.Any) -> dict[str, t.Any]:
    return {"sha256": digit * 64, "bytes": 7, "approved_by": WHO, **more}


def asked(*replace: str, **models: list[str]) -> RecordRequest:
    return RecordRequest(models or {"shop-1": ["risk"]}, frozenset(replace), WHO)


def refused(answers: t.Any, request: RecordRequest, records: t.Any = None) -> str:
    with pytest.raises(RecordsError) as caught:
        merge(records or {}, answers, request)

    return str(caught.value)


def test_a_new_record_comes_to_the_others() -> None:
    merged = merge({"other": record("1")}, {"shop-1": {"risk": record()}}, asked())

    assert merged == {"other": record("1"), "risk": record()}


def test_no_answer_leaves_all_as_it_is() -> None:
    assert merge({"risk": record()}, {"shop-1": {}}, asked()) == {"risk": record()}


@pytest.mark.parametrize("name", ["other", "Risk", "../risk", "risk\x1b[31m"])
def test_a_record_that_nobody_asked_for_is_refused(name: str) -> None:
    """As by a host that is root of its own answer, to have another model approved."""
    reason = refused({"shop-1": {name: record()}}, asked(), {"other": record("1")})

    assert "'shop-1' answered with records that it was not asked for" in reason
    assert reason.isprintable()


def test_a_host_answers_for_its_own_models_only() -> None:
    request = RecordRequest({"shop-1": ["risk"], "shop-2": ["price"]}, frozenset(), WHO)

    assert "not asked for" in refused({"shop-2": {"risk": record()}}, request)
    assert "not asked for" in refused({"stranger": {"risk": record()}}, request)


def test_a_record_is_replaced_only_by_name() -> None:
    answers, records = {"shop-1": {"risk": record("1")}}, {"risk": record()}

    assert "is not to be replaced" in refused(answers, asked(), records)
    assert merge(records, answers, asked("risk")) == {"risk": record("1")}


def test_a_damaged_record_is_replaced_only_by_name() -> None:
    assert "is not to be replaced" in refused(
        {"shop-1": {"risk": record()}}, asked(), {"risk": "?"}
    )


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "text",
        {},
        {"md5": "0" * 32, "approved_by": WHO},
        record(sha256="x"),
        record(bytes=-1),
        record(bytes="7"),
        record(metrics={"r2": 10**400}),
        record(metrics={"r2": "{{ lookup('pipe', 'id') }}"}),
        record(metrics={"{{ lookup('pipe', 'id') }}": 1}),
        record(trained_at="{{ 1 }}"),
        record(all={"vars": {"ansible_pipelining": "{{ lookup('pipe', 'id') }}"}}),
    ],
)
def test_a_record_that_is_not_whole_is_refused(raw: t.Any) -> None:
    reason = refused({"shop-1": {"risk": raw}}, asked())

    assert "'risk' that host 'shop-1' answered is damaged" in reason
    assert len(reason) < 400


@pytest.mark.parametrize("answer", [None, [], "risk", 7])
def test_an_answer_that_is_none_is_refused(answer: t.Any) -> None:
    assert "did not answer with records" in refused({"shop-1": answer}, asked())


def test_the_approver_is_the_one_of_this_run() -> None:
    raw = record(approved_by="{{ lookup('pipe', 'id') }}")

    assert "somebody else approved" in refused({"shop-1": {"risk": raw}}, asked())


def test_hosts_must_agree() -> None:
    request = RecordRequest({"shop-1": ["risk"], "shop-2": ["risk"]}, frozenset(), WHO)
    same = {"shop-1": {"risk": record()}, "shop-2": {"risk": record()}}
    other = {"shop-1": {"risk": record()}, "shop-2": {"risk": record("1")}}

    assert merge({}, same, request) == {"risk": record()}
    assert "different files for the model 'risk'" in refused(other, request)

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A weekly run on Debian 13 repairs what was planted, and leaves nothing for a second one."""

from __future__ import annotations

import typing as t

import pytest

Record = dict[str, t.Any]

#: The runs of the scenario before these tests.
CHECK, RUN, AGAIN = 0, 1, 2
HOST = "fairedge-1"


@pytest.fixture(scope="module")
def weekly(records: t.Callable[[str], list[Record]]) -> list[Record]:
    """Return the records of the check, the run and the run after it."""
    return records("weekly")[: AGAIN + 1]


#: Check mode makes no set, so it cannot foretell that the first one will be rehearsed.
FIRST_REHEARSAL: t.Final = {
    (HOST, "restore : Rehearse | Make the account of the rehearsal's server"),
    (HOST, "restore : Rehearse | Restore a set where it can do no harm"),
}


def changed(record: Record) -> set[tuple[str, str]]:
    return {(change["host"], change["task"]) for change in record["changes"]}


def test_the_host_is_what_it_is_meant_to_be(host: t.Any) -> None:
    assert host.check_output("python3 --version").startswith("Python 3.13")
    assert host.file("/etc/postgresql").listdir() == ["17"]
    assert host.check_output("redis-server --version").split()[2].startswith("v=8")


def test_check_mode_predicted_exactly_what_the_run_changed(weekly: list[Record]) -> None:
    check, run, again = weekly
    assert [record["check_mode"] for record in weekly] == [True, False, False]
    assert changed(check) | FIRST_REHEARSAL == changed(run)
    assert {host for host, _ in changed(run)} == {HOST}
    assert changed(again) == set()


def test_everything_was_seen_and_nothing_is_left_to_warn_of(weekly: list[Record]) -> None:
    # How fast a service answers says more about the machine that runs these tests than about the
    # service.
    seen = [f for f in weekly[AGAIN]["findings"] if not f["check"].endswith(".latency")]

    assert [
        f"{f['host']} {f['check']}: {f['message']}"
        for f in seen
        if f["status"] not in ("ok", "info")
    ] == []
    assert weekly[AGAIN]["failed_tasks"] == []


def test_the_cluster_itself_is_watched(weekly: list[Record]) -> None:
    units = [f for f in weekly[AGAIN]["findings"] if f["check"] == "unit:postgresql"]
    assert {f["host"] for f in units} == {HOST}
    assert all("postgresql@17-main.service" in f["message"] for f in units), units


def test_the_planted_work_was_done(host: t.Any) -> None:
    query = "SELECT last_vacuum IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'planted'"
    done = host.check_output(
        "su postgres -c %s", f'cd / && psql -XAtq -d fairedge_prod -c "{query}"'
    )
    assert done == "t"

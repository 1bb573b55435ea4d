# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``replication``: how far the replicas of a PostgreSQL server are behind, or this replica is.

A server without replicas is reported as that. A replica that is gone leaves no row behind: what
reveals it is the number that is expected, or a replication slot that nobody uses any more while the
server keeps all its log for it.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

from ...base.deadline import Deadline
from ...base.options import option
from ...findings import Finding, Limits
from ..check import Check
from ..clients import postgresql as client
from ..kind import NEVER, OTHERWISE, Kind, Row, limit_options, limit_words

# A standby without traffic replays nothing, so the time since its last transaction counts only
# while there is more to replay. A receiver that does not replay (pg_receivewal) is judged by what
# it has written safely.
_STANDBY: t.Final = """
SELECT pg_is_in_recovery(),
       (SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'),
       CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
            ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
       END::float8,
       pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
"""
_REPLICAS: t.Final = """
SELECT coalesce(nullif(application_name, ''), host(client_addr), 'local'),
       state,
       coalesce(extract(epoch FROM coalesce(replay_lag, flush_lag, write_lag)), 0)::float8,
       coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(),
                                coalesce(replay_lsn, flush_lsn, sent_lsn)), 0)::float8
  FROM pg_stat_replication WHERE state <> 'backup' ORDER BY 1, pid
"""
_SLOTS: t.Final = """
SELECT slot_name, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::float8
  FROM pg_replication_slots WHERE NOT active AND NOT temporary ORDER BY 1
"""


class Replica(t.NamedTuple):
    """A server that copies the log: how many seconds and bytes it is behind."""

    name: str
    state: str
    seconds: float
    bytes: float


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield one finding on how far the slowest replica is behind, or that there is none."""
    with client.session(check.options, deadline) as query:
        [(standby, streaming, behind, may_see)] = query(_STANDBY)
        if not may_see:
            message = "this role may not see the replicas: grant it pg_monitor"
            yield check.finding("unknown", message)
        elif standby:
            yield _as_standby(check, streaming, behind)
        else:
            replicas = [Replica(*row) for row in query(_REPLICAS)]
            yield _as_primary(check, replicas, query(_SLOTS))


def describe(check: Check) -> Iterator[Row]:
    """Yield the check in words."""
    least = check.options["replicas"]
    warning, critical = limit_words(Limits.of(check.options), " s")
    slot = "a slot that nobody uses"
    yield Row(
        check.id,
        f"how far replicas are behind, where there are any{f', at least {least}' if least else ''}",
        slot if warning == NEVER else f"{warning}, {slot}",
        OTHERWISE if critical == NEVER and least else critical,
    )


def _as_standby(check: Check, streaming: int, behind: float | None) -> Finding:
    if behind is None:
        message = "this replica has replayed no transaction yet, so its lag is not known"
        return check.finding("unknown", message, unit="s")

    source = "" if streaming else ", and has no connection to its primary"

    return check.measured(
        round(behind, 1),
        Limits.of(check.options),
        f"this server is a replica, {behind:.1f} s behind{source}",
        "see whether its primary can be reached and what it is busy with",
        unit="s",
        status="" if streaming else "critical",
    )


def _as_primary(check: Check, replicas: list[Replica], slots: list[tuple[str, float]]) -> Finding:
    if len(replicas) < check.options["replicas"]:
        return _too_few(check, len(replicas), slots)
    if slots:
        return _unused_slot(check, slots)
    if not replicas:
        message = "no replica copies this server, so there is no lag"
        return check.finding("info", message, observed=0, unit="replicas")

    slowest = max(replicas, key=lambda replica: replica.seconds)
    listed = "; ".join(
        f"{one.name} ({one.state}) {one.seconds:.1f} s, {one.bytes / 1e6:.1f} MB behind"
        for one in replicas
    )

    return check.measured(
        round(slowest.seconds, 1),
        Limits.of(check.options),
        listed,
        "see what slows it down",
        unit="s",
    )


def _too_few(check: Check, number: int, slots: list[tuple[str, float]]) -> Finding:
    waits = f"; slot {slots[0][0]} waits for one" if slots else ""

    return check.measured(
        number,
        Limits(critical=check.options["replicas"], side="below"),
        f"{number} replicas copy this server{waits}",
        "see whether the others run",
        unit="replicas",
    )


def _unused_slot(check: Check, slots: list[tuple[str, float]]) -> Finding:
    name, kept = slots[0]

    return check.measured(
        len(slots),
        Limits(warning=0),
        f"nobody uses the replication slot {name}, for which the server keeps all of its log"
        f" ({kept / 1e6:.1f} MB so far)",
        "start the replica again, or drop the slot before the disk is full",
        unit="unused slots",
    )


KIND = Kind(
    description="how far replicas are behind, slots that nobody uses; on a standby its own lag",
    gives="`replication:NAME`",
    options={
        **client.OPTIONS,
        **limit_options("seconds behind"),
        "replicas": option(
            "int",
            "Fewer replicas that copy the server are C(critical).",
            default=0,
            minimum=0,
        ),
    },
    probe=probe,
    describe=describe,
    network=True,
    place=client.place,
    validate=client.validate_login,
    run_as=client.run_as,
    advice=client.advice,
)

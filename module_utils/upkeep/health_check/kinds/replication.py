# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``replication``: how far behind are the replicas of a PostgreSQL server, or this server behind its primary?

A server that nobody copies says so. A replica that is gone leaves no row behind; what tells of it
is the number that is expected, or a replication slot that nobody uses any more while the server
keeps all its log for it.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

from ...findings import Finding, judge
from ..check import LIMITS, Check, CheckError, Deadline, Kind, limits_text
from . import postgresql

# A standby without traffic replays nothing, so the time since its last transaction counts only
# while there is more to replay. A receiver that does not replay (pg_receivewal) is judged by what
# it has written safely.
_STANDBY: t.Final = """
SELECT pg_is_in_recovery(), (SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'),
       CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
            ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float8,
       pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
"""
_REPLICAS: t.Final = """
SELECT coalesce(nullif(application_name, ''), host(client_addr), 'local'), state,
       coalesce(extract(epoch FROM coalesce(replay_lag, flush_lag, write_lag)), 0)::float8,
       coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(replay_lsn, flush_lsn, sent_lsn)), 0)::float8
  FROM pg_stat_replication WHERE state <> 'backup' ORDER BY 1, pid
"""
_SLOTS: t.Final = """
SELECT slot_name, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::float8
  FROM pg_replication_slots WHERE NOT active AND NOT temporary ORDER BY 1
"""


class Replica(t.NamedTuple):
    """Somebody who copies the log: seconds and bytes behind."""

    name: str
    state: str
    seconds: float
    bytes: float


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield one finding on how far behind the worst copy is, or that there is none."""
    with postgresql.asking(check, deadline) as ask:
        [(standby, streaming, behind, sees)] = ask(_STANDBY)
        if not sees:
            yield check.finding(
                "unknown", "this user does not see who copies the log: grant it pg_monitor"
            )
        elif standby:
            yield _as_standby(check, streaming, behind)
        else:
            yield _as_primary(check, [Replica(*row) for row in ask(_REPLICAS)], ask(_SLOTS))


def _as_standby(check: Check, streaming: int, behind: float | None) -> Finding:
    if behind is None:
        message = "this server is a replica that has replayed no transaction yet, so how far it is behind is not known"
        return check.finding("unknown", message, unit="s")

    source = "" if streaming else ", and no connection to its primary"
    found = check.measured(
        round(behind, 1),
        check.options,
        f"this server is a replica, {behind:.1f} s behind{source}",
        "see whether its primary can be reached and what it is busy with",
        unit="s",
    )

    return found if streaming else {**found, "status": "critical"}


def _as_primary(check: Check, replicas: list[Replica], slots: list[tuple[str, float]]) -> Finding:
    least = check.options["replicas"]
    if len(replicas) < least:
        left = f"; slot {slots[0][0]} waits for one" if slots else ""
        message = f"{len(replicas)} replicas copy this server, {least} were expected{left}: see whether they run"
        return check.finding(
            "critical",
            message,
            observed=len(replicas),
            expected=f"at least {least}",
            unit="replicas",
        )

    if slots:
        name, kept = slots[0]
        message = (
            f"nobody uses the replication slot {name}, for which the server keeps all of its log ({kept / 1e6:.1f} MB "
            "so far): start the replica again, or drop the slot before the disk is full"
        )
        return check.finding(
            "warning", message, observed=len(slots), expected=0, unit="slots that nobody uses"
        )

    if not replicas:
        return check.finding(
            "info", "nobody copies this server, so there is no lag", observed=0, unit="replicas"
        )

    worst = max(replicas, key=lambda replica: replica.seconds)
    status = judge(worst.seconds, check.options["warning"], check.options["critical"])
    listed = "; ".join(
        f"{r.name} ({r.state}) {r.seconds:.1f} s, {r.bytes / 1e6:.1f} MB behind" for r in replicas
    )

    return check.finding(
        status,
        f"{listed}{': see what keeps it' if status != 'ok' else ''}",
        observed=round(worst.seconds, 1),
        expected=limits_text(check.options["warning"], check.options["critical"]),
        unit="s",
    )


def _validate(check: Check) -> None:
    postgresql.validate_login(check)
    if check.options["replicas"] < 0:
        raise CheckError("replicas must be at least 0")


KIND = Kind(
    options={**postgresql.LOGIN, **LIMITS, "replicas": {"type": "int", "default": 0}},
    probe=probe,
    network=True,
    place=postgresql.place,
    secrets=("password",),
    validate=_validate,
)

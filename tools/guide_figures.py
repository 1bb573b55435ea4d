# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The figures of the maintenance guides, held against the entries of the shipped profiles.

``tests/guide_figures/<system>.yml`` says for each requirement id, independently of the profiles,
which entries carry it, with which values, in which cadences and on which component. The guides are
not part of this repository, so these files are the only place where a figure can be looked up.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools import profiles, yamlfiles

FOLDER: t.Final = "tests/guide_figures"
CADENCES: t.Final = ("quarter_hourly", "hourly", "daily", "weekly", "monthly", "quarterly")

#: Stands for playbooks/refresh_caches.yml, which runs every hour beside the cadences.
REFRESH: t.Final = "refresh_caches"
#: Stands for playbooks/restore_backup.yml, which is in no cadence.
RESTORE: t.Final = "restore_backup"
#: Stands for playbooks/update_model.yml, which is in no cadence.
UPDATE_MODEL: t.Final = "update_model"
#: Stands for playbooks/roll_back.yml, likewise.
ROLL_BACK: t.Final = "roll_back"
#: Lists that a job reads and that playbook as well.
REFRESHED: t.Final = frozenset({"system_file_caches"})
#: List of a profile -> the job that reads it; None is read in every run, by every playbook.
JOBS: t.Final[Mapping[str, str | None]] = {
    "system_health_checks": None,
    "system_kpis": None,
    "system_run_report": None,
    "system_log_reviews": "log_review",
    "system_log_files": "log_rotation",
    "system_file_caches": "cache_maintenance",
    "system_redis_caches": "cache_maintenance",
    "system_cache_warmings": REFRESH,
    "system_scrapers": REFRESH,
    "system_leftovers": "cache_maintenance",
    "system_data_quality": "data_quality",
    "system_failover_tests": "failover_test",
    "system_redis": "redis_tune",
    "system_task_queue": "task_queue",
    "system_databases": "db_maintenance",
    "system_sqlite_databases": "db_maintenance",
    "system_models": "model_verification",
    "system_model_folders": "model_verification",
    "system_updated_models": UPDATE_MODEL,
    "system_test_suites": "app_tests",
    "system_self_heal": "self_heal",
    "system_backup": "backup",
    "system_backup_artefacts": "backup",
    "system_backup_retention": "backup",
    "system_rehearsal": "restore",
    "system_restore": RESTORE,
    "system_schedule": None,
    "system_checklist": None,
    "system_application": "predictor_deploy",
    "system_rollback": ROLL_BACK,
    "system_rollback_caches": ROLL_BACK,
}
#: The list whose entries are about one cadence each, by its name.
SLOTS: t.Final = "system_schedule"
#: Keys that name or describe an entry and are not figures.
_NAMING: t.Final = frozenset({"name", "title", "requirements", "cadences", "component"})

Values = dict[str, t.Any]


class Entry(t.NamedTuple):
    """One entry of a profile that carries requirement ids.

    ``at``: its place, ``log_reviews/dashboard/errors``. ``values``: its own figures. ``within``:
    those of the entries around it. ``runs``: the cadences in which it is looked at. ``component``:
    '' for every host of the system.
    """

    at: str
    requirements: tuple[str, ...]
    values: Values
    within: Values
    runs: tuple[str, ...]
    component: str


def entries(profile: Values) -> Iterator[Entry]:
    """Yield every entry of a profile that carries requirement ids."""
    for variable, job in JOBS.items():
        value = profile.get(variable)
        runs = _runs(profile, job, variable in REFRESHED)
        place = variable.removeprefix("system_")

        if variable == SLOTS:
            for cadence, slot in (value or {}).items():
                yield from _walk(slot, f"{place}/{cadence}", {}, (cadence,), "")
        elif isinstance(value, list):
            for position, item in enumerate(value):
                yield from _walk(item, f"{place}/{_label(item, position)}", {}, runs, "")
        elif isinstance(value, dict):
            yield from _walk(value, place, {}, runs, "")


def systems(project: Path) -> list[str]:
    """Return the systems with a profile and a guide: those that have a file of figures."""
    known = profiles.systems(project)

    return [name for name in known if (project / FOLDER / f"{name}.yml").is_file()]


def expected(project: Path, system: str) -> dict[str, t.Any]:
    """Return the file of a system: ``requirements`` by id, ``sources`` by place, ``jobs``.

    A system without a guide has no file.
    """
    path = project / FOLDER / f"{system}.yml"
    content: dict[str, t.Any] = (yamlfiles.read(path) if path.is_file() else None) or {}

    return {"requirements": {}, "sources": {}, "jobs": {}, **content}


def sources(profile: Values) -> dict[str, Values]:
    """Return the figures that stand around entries with requirement ids, by their place."""
    around = ((entry.at.rpartition("/")[0], entry.within) for entry in entries(profile))

    return {place: within for place, within in around if within}


def differences(project: Path, system: str, profile: Values | None = None) -> list[str]:
    """Return a sentence for each place where profile and guide differ; empty when they agree."""
    shipped = profiles.load(project, system) if profile is None else profile
    file = expected(project, system)
    found = {(item, entry.at): entry for entry in entries(shipped) for item in entry.requirements}
    wanted = {
        (requirement, entry["at"]): entry
        for requirement, row in file["requirements"].items()
        for entry in row["entries"]
    }

    return [
        *(f"{item}: {at} is missing in the profile" for item, at in sorted(wanted.keys() - found)),
        *(
            f"{item}: {at} has no figures of the guide"
            for item, at in sorted(found.keys() - wanted)
        ),
        *(
            f"{item}: {at}: {sentence}"
            for item, at in sorted(found.keys() & wanted)
            for sentence in _unlike(wanted[item, at], as_data(found[item, at]))
        ),
        *(
            f"{place}: {sentence}"
            for place in sorted(file["sources"].keys() | sources(shipped).keys())
            for sentence in _unlike_values(
                file["sources"].get(place, {}), sources(shipped).get(place, {})
            )
        ),
        *(f"jobs: {it}" for it in _unlike_values(file["jobs"], shipped.get("system_jobs", {}))),
    ]


def as_data(entry: Entry) -> Values:
    """Return an entry in the form in which the files of figures have it."""
    data: Values = {"at": entry.at, "runs": list(entry.runs)}
    data |= {"component": entry.component} if entry.component else {}

    return data | ({"values": entry.values} if entry.values else {})


def _unlike(wanted: Values, found: Values) -> Iterator[str]:
    for key in ("runs", "component"):
        if wanted.get(key) != found.get(key):
            yield f"{key} is {found.get(key)}, the guide's file has {wanted.get(key)}"

    yield from _unlike_values(wanted.get("values", {}), found.get("values", {}))


def _unlike_values(wanted: Values, found: Values) -> Iterator[str]:
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            yield f"{name} is {found.get(name)!r}, the guide's file has {wanted.get(name)!r}"


def _walk(
    node: t.Any, at: str, around: Values, runs: tuple[str, ...], component: str
) -> Iterator[Entry]:
    if not isinstance(node, dict):
        return

    component = node.get("component", component)
    runs = tuple(cadence for cadence in runs if cadence in node.get("cadences", runs))
    own = {
        key: _plain(value)
        for key, value in node.items()
        if key not in _NAMING and not _holds_entries(value)
    }

    if node.get("requirements"):
        yield Entry(at, tuple(node["requirements"]), own, around, runs, component)

    for key, value in node.items():
        if _holds_entries(value):
            inner = {**around, **own}
            if isinstance(value, dict):
                yield from _walk(value, f"{at}/{key}", inner, runs, component)
            else:
                for position, item in enumerate(value):
                    place = f"{at}/{_label(item, position)}"
                    yield from _walk(item, place, inner, runs, component)


def _holds_entries(value: t.Any) -> bool:
    if isinstance(value, dict):
        return "requirements" in value or any(map(_holds_entries, value.values()))

    return isinstance(value, list) and any(map(_holds_entries, value))


def _plain(value: t.Any) -> t.Any:
    """Return a value with its white space folded, so that layout is not a figure."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]

    return " ".join(value.split()) if isinstance(value, str) else value


def _label(item: t.Any, position: int) -> str:
    if not isinstance(item, dict):
        return str(position)

    name = item.get("name") or item.get("field") or item.get("path") or str(position)

    return f"{item['kind']}:{name}" if "kind" in item and "name" in item else str(name)


def _runs(profile: Values, job: str | None, is_refreshed: bool = False) -> tuple[str, ...]:
    jobs = profile.get("system_jobs", {})
    # What is looked at every hour is so every day.
    hourly = ("hourly", "daily") if is_refreshed or job == REFRESH else ()

    return tuple(
        cadence
        for cadence in CADENCES
        if job is None or job in jobs.get(cadence, []) or cadence in hourly
    )

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The faults of demo/defects as checked, typed values, and planting them in a running fleet."""

from __future__ import annotations

import difflib
import json
import typing as t
from pathlib import Path

import yaml

from . import containers
from .engine import podman
from .errors import DemoError
from .fleet import PROJECT, Fleet, Host

FOLDER: t.Final = PROJECT / "demo" / "defects"
ROUNDS: t.Final = "rounds.yml"
AGENT: t.Final = PROJECT / "demo" / "agent.py"
ALL: t.Final = "all"
NONE: t.Final = "none"
SECONDS: t.Final = 600  # for all steps on one host

Step = dict[str, t.Any]
_STEPS: t.Final = {"run": list, "sql": dict, "file": dict}


class ExpectedFinding(t.NamedTuple):
    """The finding that must report a fault."""

    host: str
    area: str
    check: str
    status: str


class Defect(t.NamedTuple):
    """One fault; ``plant`` and ``undo`` are steps that demo/agent.py carries out on ``host``.

    ``also`` are area and check of other findings on the same host that may tell of it.
    """

    name: str
    system: str
    host: str
    round: str
    plant: tuple[Step, ...]
    undo: tuple[Step, ...]
    finding: ExpectedFinding
    mended: bool
    also: tuple[tuple[str, str], ...] = ()

    @property
    def shows(self) -> set[tuple[str, str, str]]:
        """Return host, area and check of every finding that may tell of it."""
        own = (self.finding.area, self.finding.check)

        return {(self.finding.host, *shown) for shown in (own, *self.also)}


class Catalogue(t.NamedTuple):
    """All faults in the order of planting; no job reports the ``pending`` ones so far."""

    rounds: dict[str, str]
    defects: dict[str, Defect]
    pending: dict[str, Defect]

    @property
    def known(self) -> dict[str, Defect]:
        """All faults by their names."""
        return {**self.defects, **self.pending}


def load(hosts: t.Mapping[str, Host], folder: Path = FOLDER) -> Catalogue:
    """Return the checked catalogue; raises DemoError that names the entry that does not fit.

    Faults are planted round by round, in a round system by system, in a system as its file has
    them.
    """
    rounds: dict[str, str] = _read(folder / ROUNDS)
    parts: dict[str, dict[str, Defect]] = {"defects": {}, "pending": {}}

    for path in sorted(folder.glob("*.yml")):
        for part, entries in _read(path).items() if path.name != ROUNDS else ():
            for name, entry in entries.items():
                if name in {ALL, NONE, *rounds, *parts["defects"], *parts["pending"]}:
                    raise DemoError(f"{path.name}: {name!r} names two things")

                where = f"{path.name}: {name}"
                parts[part][name] = _defect(name, path.stem, entry, where, rounds, hosts)

    order = list(rounds)
    defects = sorted(parts["defects"].values(), key=lambda defect: order.index(defect.round))

    return Catalogue(rounds, {defect.name: defect for defect in defects}, parts["pending"])


def _read(path: Path) -> dict[str, t.Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def _defect(
    name: str,
    system: str,
    entry: dict[str, t.Any],
    where: str,
    rounds: t.Collection[str],
    hosts: t.Mapping[str, Host],
) -> Defect:
    wrong = set(entry) - {"also"} ^ (set(Defect._fields) - {"name", "system", "also"})
    if wrong:
        raise DemoError(f"{where} has unknown or lacks keys: {', '.join(sorted(wrong))}")

    host = hosts.get(entry["host"])
    if host is None or host.system != system or entry["finding"]["host"] not in hosts:
        raise DemoError(f"{where} names a host that demo/fleet.yml does not have in '{system}'")
    if entry["round"] not in rounds:
        raise DemoError(f"{where} is of round {entry['round']!r}; known: {', '.join(rounds)}")

    for step in (*entry["plant"], *entry["undo"]):
        if len(step) != 1 or not all(
            isinstance(what, _STEPS.get(kind, ())) for kind, what in step.items()
        ):
            raise DemoError(f"{where} has a step that is none of {', '.join(_STEPS)}: {step}")

    return Defect(
        name=name,
        system=system,
        **{key: entry[key] for key in ("host", "round", "mended")},
        plant=tuple(entry["plant"]),
        undo=tuple(entry["undo"]),
        finding=ExpectedFinding(**entry["finding"]),
        also=tuple((also["area"], also["check"]) for also in entry.get("also", ())),
    )


def choose(catalogue: Catalogue, wanted: t.Iterable[str]) -> list[Defect]:
    """Return the faults by their names or those of rounds, in the order of planting.

    A pending one is chosen by its own name only. Raises DemoError with near names for an unknown
    one.
    """
    names: set[str] = set()

    for word in wanted:
        found = {d.name for d in catalogue.defects.values() if word in (ALL, d.name, d.round)}
        found |= {word} & set(catalogue.pending)
        if not found:
            known = [*catalogue.known, *catalogue.rounds, ALL, NONE]
            near = _near(word, known)
            hint = (
                f"did you mean {' or '.join(near)}?" if near else "the names: python -m demo plant"
            )
            raise DemoError(f"no defect {word!r}; {hint}")

        names |= found

    return [defect for name, defect in catalogue.known.items() if name in names]


def _near(word: str, known: t.Iterable[str]) -> list[str]:
    """Return up to three names that are much like the word, or of which a part is."""
    parts = {name: [name, *name.split("-")] for name in known}
    scores = {
        name: max(difflib.SequenceMatcher(a=word, b=part).ratio() for part in own)
        for name, own in parts.items()
    }

    return [name for name in sorted(scores, key=lambda name: -scores[name]) if scores[name] >= 0.7][
        :3
    ]


def planted(fleet: Fleet) -> dict[str, list[str]]:
    """Return by running host the names of the faults that are planted there."""
    hosts = _running(fleet)
    answers = containers.in_parallel(lambda host: _ask(fleet, host, {}), hosts)
    return {host: answer["planted"] for host, answer in zip(hosts, answers, strict=True)}


def plant(fleet: Fleet, defects: t.Sequence[Defect], undo: bool = False) -> list[str]:
    """Plant the faults, or take back those of them that are planted.

    Return the names of those that were.

    Hosts are worked on at the same time. Raises DemoError with what failed on each of them.
    """
    running = set(_running(fleet))
    by_host: dict[str, dict[str, t.Sequence[Step]]] = {}

    for defect in defects:
        if defect.host in running:
            by_host.setdefault(defect.host, {})[defect.name] = defect.undo if undo else defect.plant
        elif not undo:
            raise DemoError(
                f"{defect.name} needs the host {defect.host}, which is not running; "
                "see: python -m demo status"
            )

    answers = containers.in_parallel(
        lambda host: _ask(fleet, host, {"undo": undo, "defects": by_host[host]}), list(by_host)
    )
    errors = [
        f"{host}: {answer['error']}"
        for host, answer in zip(by_host, answers, strict=True)
        if answer["error"]
    ]
    if errors:
        raise DemoError("; ".join(errors))

    done = {name for answer in answers for name in answer["done"]}

    return [defect.name for defect in defects if defect.name in done]


def _running(fleet: Fleet) -> list[str]:
    found = {host.name: containers.inspect(fleet, host.name) for host in fleet.hosts}
    return [name for name, container in found.items() if container and container.running]


def _ask(fleet: Fleet, host: str, request: dict[str, t.Any]) -> dict[str, t.Any]:
    """Have demo/agent.py answer one request on a host.

    Privileged, since a full disk needs a mount.
    """
    argv = (
        "exec",
        "--interactive",
        "--privileged",
        fleet.container(host),
        "/usr/bin/python3",
        "-c",
    )
    source = AGENT.read_text(encoding="utf-8")
    answer: dict[str, t.Any] = json.loads(
        podman(*argv, source, stdin=json.dumps(request), timeout=SECONDS).stdout
    )

    return answer

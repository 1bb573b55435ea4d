# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One rehearsal: a whole set restored where it can do no harm, compared, asked, and thrown away."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from ..backup import programs
from ..backup.artefacts import KINDS
from ..backup.artefacts.kind import Workplace
from ..backup.artefacts.postgresql import DUMP
from ..backup.catalogue import BackupCatalogue
from ..backup.hashing import hash_of
from ..backup.manifest import SUPERUSERS, Artefact, SetFile
from ..backup.programs import ProgramError
from ..base import isolated
from ..base.files import open_folder
from ..base.folders import Folder
from ..base.postgresql_programs import connection_string
from ..base.text import list_some, visible
from ..postgresql.connection import Session
from . import server as live
from . import throwaway
from .choose import ChosenSet, RestoreError, is_sealed
from .extensions import require_extensions
from .locales import read_locale
from .settings import QuerySettings, RehearsalSettings
from .snapshots import check_snapshot
from .throwaway import ServerPrograms, ThrowawayServer

_NAME: t.Final = "database.dump"
#: So much of what pg_amcheck found is kept, bytes.
_MOST_OUTPUT: t.Final = 400


@dataclass
class ArtefactRehearsal:
    """How the rehearsal of one artefact went; ``problem`` is '' when it passed.

    ``doubt`` is what a rehearsal that passed could not find out.
    """

    artefact: Artefact
    problem: str = ""
    doubt: str = ""
    found: str = ""
    answers: list[tuple[QuerySettings, float]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure how long the body takes."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - started, 3)


class OpenSet:
    """All files of a set, opened at once: retention may delete the set meanwhile."""

    def __init__(self, catalogue: BackupCatalogue, chosen: ChosenSet) -> None:
        name = chosen.one.name
        self._files: dict[str, t.BinaryIO] = {}
        try:
            for file in chosen.manifest.files:
                self._files[file.path] = catalogue.open_file(name, file)
        except OSError:
            self.close()
            raise

    def __enter__(self) -> OpenSet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        for stream in self._files.values():
            stream.close()

    def open_file(self, file: SetFile) -> t.BinaryIO:
        """Return a file of the set, at its start."""
        stream = os.fdopen(os.dup(self._files[file.path].fileno()), "rb")
        stream.seek(0)

        return stream


def rehearse(
    files: OpenSet, artefact: Artefact, settings: RehearsalSettings, place: Workplace
) -> ArtefactRehearsal:
    """Return how it went; raises what the caller turns into the problem of the artefact."""
    done = ArtefactRehearsal(artefact)
    with done.phase("read"):
        _require_hashes(files, artefact, place)
    if is_sealed(artefact):
        done.found = "its bytes are as in the manifest; its key is not on this host"
        return done
    if artefact.kind == "redis":
        with done.phase("restore"):
            done.found, _, done.doubt = check_snapshot(artefact, files.open_file, place)
        return done
    if artefact.kind != "postgresql":
        with done.phase("restore"):
            problems = KINDS[artefact.kind].verify(artefact, files.open_file, place)
        if problems:
            raise RestoreError("; ".join(problems))
        done.found = "unpacked and compared with the manifest"
        return done

    facts = artefact.facts
    major = max(int(facts["server_version"]), int(facts["client_version"])) // 10000
    chosen = ServerPrograms(settings.program_folder, major)
    with (
        done.phase("whole"),
        throwaway.running(place, settings.run_as, chosen) as server,
    ):
        _rehearse_database(files, done, settings, server)

    return done


def _require_hashes(files: OpenSet, artefact: Artefact, place: Workplace) -> None:
    for file in artefact.files:
        with closing(files.open_file(file)) as stream:
            if hash_of(stream, place.deadline) != (file.bytes, file.sha256):
                raise RestoreError(f"{file.path} is not what was written: its sha256 differs")


def _rehearse_database(
    files: OpenSet, done: ArtefactRehearsal, settings: RehearsalSettings, server: ThrowawayServer
) -> None:
    facts = done.artefact.facts
    database = str(facts["database"])
    available, version = server.ask(
        lambda session: (live.available_extensions(session), live.major_version(session))
    )
    require_extensions(facts["extensions"], available, version)
    with done.phase("unpack"):
        _unpack(files, done.artefact, settings, server)
    with done.phase("load"):
        dump = f"{server.folder}/{_NAME}"
        locale = _locale(server, dump)
        server.ask(lambda session: _make(session, facts, locale))
        server.load(dump, database, settings.jobs)
    with done.phase("compare"):
        done.found = _compare(facts, server, database)
        done.doubt = _doubt(facts, server, database)
    with done.phase("analyze"):
        server.ask(live.analyze, database)
    with done.phase("queries"):
        done.answers = _answers(done.artefact, settings.queries, server, database)
    with done.phase("amcheck"):
        server.ask(live.silence_triggers, database)
        _require_sound(server, database)


def _require_sound(server: ThrowawayServer, database: str) -> None:
    """Raise RestoreError unless every table and index can be read and fits the others."""
    check = server.program(
        "pg_amcheck",
        "--install-missing",
        "--heapallindexed",
        "--no-password",
        connection_string(database),
        database=database,
    )
    output = bytearray()
    try:
        for chunk in programs.reading([check], None, server.deadline):
            output += chunk[: _MOST_OUTPUT - len(output)]
    except ProgramError as error:  # what it found stands in its output
        found = " ".join(output.decode("utf-8", "replace").split())
        raise RestoreError(f"{error}: {visible(found)}" if found else str(error)) from error


def _unpack(
    files: OpenSet, artefact: Artefact, settings: RehearsalSettings, server: ThrowawayServer
) -> None:
    [file] = [one for one in artefact.files if one.path.endswith(f"/{DUMP}")]
    with (
        Folder(open_folder(server.folder), server.folder) as folder,
        closing(files.open_file(file)) as packed,
        folder.create(_NAME) as out,
    ):
        pipe = [programs.expanding()]
        programs.run(pipe, out.fileno(), server.deadline, packed.fileno())
        if os.geteuid() == 0:
            account = isolated.account_of(settings.run_as)
            os.fchown(out.fileno(), account.pw_uid, account.pw_gid)


def _locale(server: ThrowawayServer, dump: str) -> dict[str, str]:
    """Return provider and locale of the dumped database; the dump may be another account's."""
    [pg_restore, *_] = server.program("pg_restore").argv

    return read_locale(pg_restore, dump, server.deadline)


def _make(session: Session, facts: t.Mapping[str, t.Any], locale: t.Mapping[str, str]) -> None:
    """Make the roles by name, without passwords, and the empty database."""
    live.make_roles(session, list(facts["roles"]), {})
    live.make_database(
        session,
        str(facts["database"]),
        {
            "owner": str(session.value("SELECT current_user")),
            "encoding_name": facts["encoding"],
            "datcollate": facts["collate"],
            "datctype": facts["ctype"],
            **locale,
        },
    )


def _compare(facts: t.Mapping[str, t.Any], server: ThrowawayServer, database: str) -> str:
    tables = facts["tables"]
    names = [(str(table["schema"]), str(table["name"])) for table in tables]
    counts = server.ask(lambda session: live.count_rows(session, names), database)
    differing = [
        f"{visible(schema)}.{visible(name)} has {count} rows instead of {table['rows']}"
        for table, (schema, name), count in zip(tables, names, counts, strict=True)
        if count is None or (table["rows"] is not None and count != table["rows"])
    ]
    if not differing:
        differing = server.ask(lambda session: live.hash_problems(session, tables), database)
    if differing:
        raise RestoreError(f"what was restored differs: {list_some(differing, 3)}")

    rows = sum(count or 0 for count in counts)
    if tables and not rows:
        raise RestoreError("not a single row was restored")

    return f"{rows} rows in {len(tables)} tables as in the manifest"


def _doubt(facts: t.Mapping[str, t.Any], server: ThrowawayServer, database: str) -> str:
    """Return why a restore would be refused though all can be loaded here, '' for no reason."""
    supers = facts.get(SUPERUSERS, ())
    parts = server.ask(lambda session: live.parts_of_superusers(session, supers), database)
    if not parts:
        return ""

    return (
        f"a restore would be refused, since {list_some(parts, 3)} is a part of a superuser's table"
        " and belongs to somebody else: give it to the superuser (ALTER TABLE ... OWNER TO ...)"
    )


def _answers(
    artefact: Artefact, queries: Sequence[QuerySettings], server: ThrowawayServer, database: str
) -> list[tuple[QuerySettings, float]]:
    """Return what the application's queries answered; raises RestoreError for too little."""
    answers = []
    for query in queries:
        if query.artefact not in ("", artefact.name):
            continue
        try:
            value = _value(server, query.query, database)
        except RestoreError as error:
            raise RestoreError(f"the query {query.name!r} failed: {error}") from error
        if not value >= query.at_least:
            raise RestoreError(
                f"the query {query.name!r} answered {value:g}; at least {query.at_least:g}"
            )
        answers.append((query, value))

    return answers


def _value(server: ThrowawayServer, query: str, database: str) -> float:
    return server.ask(lambda session: float(session.value(live.escaped(query))), database)

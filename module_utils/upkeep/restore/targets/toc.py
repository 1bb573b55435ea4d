# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of contents of a dump, in parts that are loaded one after the other.

What belongs to a role without special rights is loaded by a role without special rights, since
loading runs code of the owner: a check of a column, a trigger, an index over a function. Only what
belongs to a superuser, as extensions do, is loaded by one.
"""

from __future__ import annotations

import itertools
import re
import typing as t
from collections.abc import Collection, Iterable, Mapping, Sequence

_ENTRY: t.Final = re.compile(r"(?P<number>\d+); (?P<table>\d+) (?P<id>\d+) (?P<rest>.*)")
_DATABASE: t.Final = re.compile(r"DATABASE - ")
#: Entries without an owner that only a superuser can load.
_EXTENSION: t.Final = re.compile(r"EXTENSION - |COMMENT - EXTENSION ")
#: What is in large objects, of whatever owners: it runs no code when it is loaded.
_LARGE_OBJECTS: t.Final = re.compile(r"BLOBS - ")
#: Their owners need rights that come later, on a server or on the database. They run no code when
#: they are loaded.
_RIGHTS_LATER: t.Final = ("SERVER - ", "USER MAPPING - ", "FOREIGN TABLE ", "PUBLICATION ")
_SCHEMA: t.Final = re.compile(r"SCHEMA - ")
#: Of schemas, which a superuser makes: theirs may belong to whoever owns the database.
_ON_SCHEMA: t.Final = re.compile(r"(ACL|COMMENT|SECURITY LABEL) - SCHEMA ")
_RIGHTS: t.Final = re.compile(r"(DEFAULT )?ACL ")
_ROWS: t.Final = "TABLE DATA "
_REFRESH: t.Final = re.compile(r"MATERIALIZED VIEW DATA ")
#: They would run on all that is done after them.
_EVENT_TRIGGER: t.Final = re.compile(r"EVENT TRIGGER - |COMMENT - EVENT TRIGGER ")
_TABLESPACE: t.Final = re.compile(rb"SET default_tablespace = (.+);")
_IDENTIFIER: t.Final = r'(?:"(?:[^"]|"")*"|[^\s".(),]+)'
_REFERENCES: t.Final = re.compile(
    rf"^    ADD CONSTRAINT {_IDENTIFIER} FOREIGN KEY "
    rf"\((?:PERIOD )?{_IDENTIFIER}(?:, (?:PERIOD )?{_IDENTIFIER})*\)"
    rf" REFERENCES ({_IDENTIFIER})\.({_IDENTIFIER})\(",
    re.MULTILINE,
)
_FOREIGN_KEY: t.Final = "FK CONSTRAINT "
#: The role that stands for the owner of the database.
_ANY_OWNER: t.Final = "pg_database_owner"


class TocEntry(t.NamedTuple):
    """One line of ``pg_restore --list``; ``rest`` is what it is about, ``owner`` may be empty."""

    line: str
    rest: str
    owner: str


class TocPart(t.NamedTuple):
    """Entries that are loaded in one go, with the rights of a superuser or without."""

    by_superuser: bool
    entries: tuple[TocEntry, ...]

    @property
    def is_rows(self) -> bool:
        """Whether these are rows of tables, which need not wait for each other."""
        return bool(self.entries) and self.entries[0].rest.startswith(_ROWS)


def read_toc(text: str, roles: Iterable[str]) -> list[TocEntry]:
    """Return the entries of a listing; ``roles`` are the names that an owner can have."""
    known = sorted({*roles, _ANY_OWNER}, key=len, reverse=True)
    entries = []
    for line in text.splitlines():
        if match := _ENTRY.fullmatch(line):
            rest = match["rest"]
            owner = next((role for role in known if rest.endswith(f" {_one_line(role)}")), "")
            entries.append(TocEntry(line, rest, owner))

    return entries


def database_owner(entries: Sequence[TocEntry]) -> str:
    """Return the owner of the dumped database, '' where the dump does not know one."""
    return next((one.owner for one in entries if _DATABASE.match(one.rest)), "")


def owners(entries: Sequence[TocEntry]) -> set[str]:
    """Return the roles that something belongs to."""
    return {one.owner for one in entries if one.owner and one.owner != _ANY_OWNER}


def count_indexes(entries: Sequence[TocEntry]) -> int:
    """Return how many indexes are made, those of constraints included.

    That of a partition is attached to that of its table by an entry of its own.
    """
    return sum(
        one.rest.startswith(("INDEX ", "CONSTRAINT ")) and not one.rest.startswith("INDEX ATTACH ")
        for one in entries
    )


def tablespaces(chunks: Iterable[bytes]) -> set[str]:
    """Return the tablespaces that a dump, as SQL without rows, puts something in."""
    found = set()
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if (match := _TABLESPACE.fullmatch(line)) and match[1] != b"''":
                found.add(_plain(match[1].decode("utf-8", "surrogateescape")))

    return found


def has_keys_to_superusers(entries: Sequence[TocEntry], superusers: Collection[str]) -> bool:
    """Return whether a foreign key of somebody else may refer to the table of a superuser."""
    return any(
        one.rest.startswith(_FOREIGN_KEY) and one.owner not in superusers for one in entries
    ) and bool(_tables_of(entries, superusers))


def keys_to_superusers(
    entries: Sequence[TocEntry], superusers: Collection[str], text: str
) -> frozenset[TocEntry]:
    """Return the foreign keys that refer to tables of superusers; ``text`` is SQL of the dump.

    Whoever owns such a key was let have it, and its checks run with the rights of the superuser
    anyway. Where the text does not have as many keys as the listing, nobody can tell which they
    are.
    """
    keys = [one for one in entries if one.rest.startswith(_FOREIGN_KEY)]
    referred = [
        f"{_one_line(_plain(match[1]))} {_one_line(_plain(match[2]))}"
        for match in _REFERENCES.finditer(text)
    ]
    if len(keys) != len(referred):
        return frozenset()
    tables = _tables_of(entries, superusers)

    return frozenset(key for key, name in zip(keys, referred, strict=True) if name in tables)


def parts(
    entries: Sequence[TocEntry],
    superusers: Collection[str],
    keys: Collection[TocEntry] = (),
) -> list[TocPart]:
    """Return the parts in the order in which they are loaded; ``keys`` need a superuser.

    Rights come after what they are about, but for those on schemas, without which a role could not
    be given what stands in one. What is said about schemas comes with them. Views that hold rows
    are filled at the end.
    """
    wanted = [one for one in entries if not _is_of_database(one) and not _is_event_trigger(one)]
    schemas = [one for one in wanted if _SCHEMA.match(one.rest) or _EXTENSION.match(one.rest)]
    on_schemas = [one for one in wanted if _ON_SCHEMA.match(one.rest)]
    refreshes = [one for one in wanted if _REFRESH.match(one.rest)]
    first = {*schemas, *on_schemas}
    rights = [one for one in wanted if _RIGHTS.match(one.rest) and one not in first]
    last = {*rights, *refreshes}
    middle = [one for one in wanted if one not in first and one not in last]

    # Schemas hold no code, and only a superuser can make one for anybody.
    found = [TocPart(True, tuple(part)) for part in (schemas, on_schemas)]
    for group in (middle, rights, refreshes):
        found += _runs(group, superusers, keys)

    return [part for part in found if part.entries]


def event_triggers(entries: Sequence[TocEntry]) -> TocPart:
    """Return what is loaded when nothing else is done in the database any more; may be empty."""
    return TocPart(True, tuple(one for one in entries if _is_event_trigger(one)))


def shares(
    part: TocPart, rows: Mapping[tuple[str, str], int | None], count: int
) -> list[list[TocEntry]]:
    """Return the rows of tables in at most ``count`` shares of about the same size.

    A dump that went through a pipe does not know where each table begins. A process that loads its
    tables in the order of the dump goes through it once.
    """
    known = {f"{_one_line(schema)} {_one_line(name)}": n for (schema, name), n in rows.items()}
    largest = max((n for n in known.values() if n is not None), default=0)
    size = {
        one: known.get(one.rest[len(_ROWS) :].removesuffix(f" {_one_line(one.owner)}"))
        for one in part.entries
    }
    weight = {one: largest if n is None else n for one, n in size.items()}
    found: list[list[TocEntry]] = [[] for _ in range(min(count, len(part.entries)))]
    filled = [0] * len(found)
    for one in sorted(part.entries, key=lambda each: -weight[each]):
        least = filled.index(min(filled))
        filled[least] += weight[one] + 1
        found[least].append(one)

    place = {one: number for number, one in enumerate(part.entries)}

    return [sorted(share, key=place.__getitem__) for share in found]


def of_table(entries: Sequence[TocEntry], schema: str, name: str) -> list[TocEntry]:
    """Return the entries without the rows of all tables but one, without what runs on changes.

    Foreign keys are left out as well: what they refer to has no rows then.
    """
    data = f"{_ROWS}{_one_line(schema)} {_one_line(name)} "

    return [
        one
        for one in entries
        if (
            not _is_event_trigger(one)
            and not one.rest.startswith((_ROWS, "MATERIALIZED VIEW DATA ", _FOREIGN_KEY))
        )
        or one.rest.startswith(data)
    ]


def _is_of_database(entry: TocEntry) -> bool:
    kinds = ("DATABASE ", "ACL - DATABASE ", "COMMENT - DATABASE ", "SECURITY LABEL - DATABASE ")

    return entry.rest.startswith(kinds)


def _runs(
    entries: Sequence[TocEntry], superusers: Collection[str], keys: Collection[TocEntry]
) -> list[TocPart]:
    """Return entries in runs of neighbours that need the same rights, rows apart from others."""

    def kind(one: TocEntry) -> tuple[bool, bool]:
        by_superuser = one.owner in superusers if one.owner else _is_superusers(one)
        needs_rights = one in keys or one.rest.startswith(_RIGHTS_LATER)
        return by_superuser or needs_rights, one.rest.startswith(_ROWS)

    return [TocPart(key[0], tuple(run)) for key, run in itertools.groupby(entries, kind)]


def _is_event_trigger(entry: TocEntry) -> bool:
    return bool(_EVENT_TRIGGER.match(entry.rest))


def _is_superusers(entry: TocEntry) -> bool:
    """Return whether an entry without an owner can be loaded by a superuser only."""
    return bool(_EXTENSION.match(entry.rest) or _LARGE_OBJECTS.match(entry.rest))


def _tables_of(entries: Sequence[TocEntry], roles: Collection[str]) -> set[str]:
    """Return schema and name, in one text, of the tables of some roles."""
    return {
        one.rest.removeprefix("TABLE ").removesuffix(f" {_one_line(one.owner)}")
        for one in entries
        if one.owner in roles and one.rest.startswith("TABLE ")
    }


def _plain(identifier: str) -> str:
    """Return a name as it is, of one that may stand in quotes."""
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier


def _one_line(name: str) -> str:
    """Return a name as the listing has it."""
    return name.replace("\n", " ").replace("\r", " ")

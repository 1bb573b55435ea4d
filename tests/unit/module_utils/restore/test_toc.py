# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What belongs to nobody special is loaded by nobody special, and in an order that works."""

from __future__ import annotations

from ansible.module_utils.upkeep.restore.targets import toc

LISTING = """;
; Archive created at 2026-11-27 08:16:51 UTC
;     Dumped from database version: 15.18
;
3384; 1262 16386 DATABASE - shop app
3386; 0 0 ACL - DATABASE shop app
3387; 0 0 DATABASE PROPERTIES - shop app
7; 2615 16425 SCHEMA - S p app
2; 3079 16387 EXTENSION - amcheck \n\
3390; 0 0 COMMENT - EXTENSION amcheck \n\
3388; 0 0 ACL - SCHEMA public pg_database_owner
3391; 0 0 ACL public FUNCTION bt_index_check(index regclass) postgres
220; 1259 16427 TABLE S p t x app
221; 1259 16436 TABLE public kept postgres
222; 1259 16440 TABLE public sneaky postgres app two
3376; 0 16427 TABLE DATA S p t x app
3378; 0 16440 TABLE DATA public kept postgres
3229; 2606 16435 CONSTRAINT S p t x t x_pkey app
3230; 2606 16436 FK CONSTRAINT S p t x t x_fkey app
3377; 0 16436 MATERIALIZED VIEW DATA public mv app
3392; 0 0 ACL public TABLE kept postgres
"""
ROLES = ("app", "postgres", "app two")
ENTRIES = toc.read_toc(LISTING, ROLES)


def numbers(part: toc.TocPart) -> list[int]:
    """Return the numbers of the entries of a part."""
    return [int(line.partition(";")[0]) for line, *_ in part.entries]


def test_owners_are_read_to_their_last_word() -> None:
    owned = {one.line.partition(";")[0]: one.owner for one in ENTRIES}

    assert owned["222"] == "app two"
    assert owned["220"] == "app"
    assert owned["2"] == ""
    assert toc.owners(ENTRIES) == {"app", "postgres", "app two"}
    assert toc.database_owner(ENTRIES) == "app"


def test_only_a_superusers_things_are_loaded_by_one() -> None:
    parts = toc.parts(ENTRIES, {"postgres"})

    assert [(part.by_superuser, numbers(part)) for part in parts] == [
        (True, [7, 2, 3390]),
        (True, [3388]),
        (False, [220]),
        (True, [221]),
        (False, [222]),
        (False, [3376]),
        (True, [3378]),
        (False, [3229, 3230]),
        (True, [3391, 3392]),
        (False, [3377]),
    ]


def test_an_index_that_is_attached_is_counted_once() -> None:
    listing = "\n".join(
        f"{number}; 0 {number} {rest} app"
        for number, rest in enumerate(
            [
                "INDEX public events_n_idx",
                "INDEX public early_n_idx",
                "INDEX ATTACH public early_n_idx",
                "CONSTRAINT public events events_pkey",
                "FK CONSTRAINT public events events_fkey",
            ],
            start=1,
        )
    )

    assert toc.count_indexes(toc.read_toc(listing, ["app"])) == 3


def test_foreign_keys_to_tables_of_superusers_need_one() -> None:
    listing = "\n".join(
        f"{number}; 0 {number} {rest}"
        for number, rest in enumerate(
            [
                "TABLE public x app",
                'TABLE S "p y z postgres',
                "TABLE public y app",
                "FK CONSTRAINT public x one app",
                "FK CONSTRAINT public x two app",
                "FK CONSTRAINT public y three app",
            ],
            start=1,
        )
    )
    entries = toc.read_toc(listing, ROLES)
    text = (
        "ALTER TABLE ONLY public.x\n"
        '    ADD CONSTRAINT one FOREIGN KEY ("a, (b") REFERENCES public.y(id);\n'
        "ALTER TABLE ONLY public.x\n"
        '    ADD CONSTRAINT "t""wo" FOREIGN KEY (a, b) REFERENCES "S ""p"."y\nz"(id, n);\n'
        "ALTER TABLE public.y\n"
        "    ADD CONSTRAINT three FOREIGN KEY (a) REFERENCES public.x(id) NOT VALID;\n"
    )
    keys = toc.keys_to_superusers(entries, {"postgres"}, text)

    assert toc.has_keys_to_superusers(entries, {"postgres"})
    assert not toc.has_keys_to_superusers(entries, {"somebody"})
    assert [one.line.partition(";")[0] for one in keys] == ["5"]
    assert [
        (part.by_superuser, numbers(part)) for part in toc.parts(entries, {"postgres"}, keys)
    ] == [(False, [1]), (True, [2]), (False, [3, 4]), (True, [5]), (False, [6])]


def test_keys_in_a_comment_are_not_taken_for_keys() -> None:
    listing = "1; 0 1 TABLE public y postgres\n2; 0 2 FK CONSTRAINT public x one app"
    key = "    ADD CONSTRAINT one FOREIGN KEY (a) REFERENCES public.y(id);\n"
    entries = toc.read_toc(listing, ROLES)

    assert len(toc.keys_to_superusers(entries, {"postgres"}, key)) == 1
    assert toc.keys_to_superusers(entries, {"postgres"}, key + key) == frozenset()


def test_large_objects_are_filled_by_a_superuser() -> None:
    listing = "1; 2613 4711 BLOB - 4711 app\n2; 0 0 BLOBS - BLOBS \n"

    assert [part.by_superuser for part in toc.parts(toc.read_toc(listing, ["app"]), ())] == [
        False,
        True,
    ]


def test_nothing_of_the_database_itself_is_loaded() -> None:
    loaded = {number for part in toc.parts(ENTRIES, ()) for number in numbers(part)}

    assert loaded.isdisjoint({3384, 3386, 3387})


def test_one_table_comes_without_the_rows_of_others_and_without_foreign_keys() -> None:
    chosen = {one.line.partition(";")[0] for one in toc.of_table(ENTRIES, "S p", "t\nx")}

    assert "3376" in chosen
    assert chosen.isdisjoint({"3378", "3377", "3230"})
    assert {"220", "221", "3229"} <= chosen


def test_rows_are_shared_between_processes_and_stay_in_order() -> None:
    listing = "\n".join(f"{n}; 0 {n} TABLE DATA public t{n} app" for n in range(1, 6))
    [part] = toc.parts(toc.read_toc(listing, ["app"]), ())
    rows = {("public", "t1"): 5, ("public", "t2"): 100, ("public", "t4"): 60, ("public", "t5"): 50}
    shares = [numbers(toc.TocPart(False, tuple(share))) for share in toc.shares(part, rows, 2)]

    # Of the third table nothing is known, so it counts as the largest.
    assert part.is_rows
    assert shares == [[2, 4], [1, 3, 5]]
    assert [len(share) for share in toc.shares(part, {}, 9)] == [1] * 5


def test_rows_of_tables_with_spaces_in_their_names_are_known() -> None:
    [part] = [one for one in toc.parts(ENTRIES, {"postgres"}) if numbers(one) == [3376]]

    assert toc.shares(part, {("S p", "t\nx"): 7}, 2) == [list(part.entries)]


def test_what_runs_on_every_change_is_loaded_when_all_others_are() -> None:
    entries = toc.read_toc("9; 3466 7 EVENT TRIGGER - forbidding postgres\n", ["postgres"])

    assert toc.parts(entries, {"postgres"}) == []
    assert [one.line for one in toc.event_triggers(entries).entries] == [entries[0].line]
    assert toc.of_table(entries, "public", "kept") == []


def test_tablespaces_are_found_wherever_the_output_is_cut() -> None:
    text = b"SET default_tablespace = '';\nSET default_tablespace = fast;\n" + (
        b'SET default_tablespace = "odd ""one""";\nCREATE TABLE x (a text);\n'
    )
    for cut in range(len(text)):
        assert toc.tablespaces([text[:cut], text[cut:]]) == {"fast", 'odd "one"'}

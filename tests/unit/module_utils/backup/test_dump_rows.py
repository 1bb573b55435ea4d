# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rows in the text of a dump are counted however the text is cut into chunks."""

from __future__ import annotations

import pytest
from ansible.module_utils.upkeep.backup.dump_rows import count_rows

TEXT = b"""--
-- Data for Name: orders; Type: TABLE DATA
--
\\restrict abc

COPY public.orders (id, note) FROM stdin;
1\tCOPY public.fake (id) FROM stdin;
2\t\\\\.
3\t\\N
\\.


COPY public.empty (id) FROM stdin;
\\.


COPY "Odd ""Schema"."line
break. (x) FROM stdin" ("a) FROM stdin;", b) FROM stdin;
1\t2
\\.


COPY public.no_columns FROM stdin;


\\.

SELECT pg_catalog.setval('public.orders_id_seq', 3, true);
"""
ROWS = {
    ("public", "orders"): 3,
    ("public", "empty"): 0,
    ('Odd "Schema', "line\nbreak. (x) FROM stdin"): 1,
    ("public", "no_columns"): 2,
}


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, len(TEXT)])
def test_rows_are_counted_however_the_text_is_cut(size: int) -> None:
    chunks = (TEXT[start : start + size] for start in range(0, len(TEXT), size))

    assert count_rows(chunks) == ROWS


def test_a_table_whose_data_do_not_end_is_not_counted() -> None:
    cut = TEXT[: TEXT.index(b"3\t")]

    assert count_rows([cut]) == {}

# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The queries on PostgreSQL's catalogues (15 and newer). {braces} are identifiers, %(names)s are values."""

from __future__ import annotations

import typing as t

# A partitioned table has no counters of its own: the changes of its leaves count, and all rows of a
# leaf that was analysed more than an hour after the parent (autovacuum does that, and it resets the
# counter of the leaf).
TABLES: t.Final = """
SELECT c.oid, n.nspname, c.relname, c.relkind = 'p',
       CASE WHEN c.relispartition
            THEN ARRAY(SELECT a.relid::oid FROM pg_partition_ancestors(c.oid) a WHERE a.relid <> c.oid)
            ELSE '{{}}' END,
       s.n_live_tup, s.n_dead_tup,
       CASE WHEN c.relkind = 'p' THEN coalesce(leaves.changed, 0)::bigint ELSE s.n_mod_since_analyze END,
       s.n_ins_since_vacuum,
       greatest(s.last_analyze, s.last_autoanalyze), greatest(s.last_vacuum, s.last_autovacuum),
       CASE WHEN c.relfrozenxid = '0' THEN 0
            ELSE greatest(age(c.relfrozenxid), coalesce(age(nullif(toast.relfrozenxid, '0')), 0)) END
  FROM pg_stat_user_tables s
  JOIN pg_class c ON c.oid = s.relid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
  LEFT JOIN LATERAL (
       SELECT sum(l.n_mod_since_analyze
                  + CASE WHEN greatest(l.last_analyze, l.last_autoanalyze)
                              > greatest(s.last_analyze, s.last_autoanalyze) + interval '1 hour'
                         THEN l.n_live_tup ELSE 0 END) AS changed
         FROM pg_partition_tree(c.oid) tree JOIN pg_stat_user_tables l ON l.relid = tree.relid
        WHERE tree.isleaf) leaves ON c.relkind = 'p'
 WHERE c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""

# An index answers to its bare and its qualified name, and to those of the partitioned indexes above
# it.
INDEXES: t.Final = """
SELECT c.oid, i.indrelid, n.nspname, c.relname,
       ARRAY(SELECT unnest(ARRAY[k.relname::text, kn.nspname || '.' || k.relname])
               FROM pg_class k JOIN pg_namespace kn ON kn.oid = k.relnamespace
              WHERE k.oid = c.oid
                 OR c.relispartition AND k.oid IN (SELECT a.relid FROM pg_partition_ancestors(c.oid) a)),
       m.amname, pg_relation_size(c.oid),
       coalesce((SELECT o.option_value::int FROM pg_options_to_table(c.reloptions) o
                  WHERE o.option_name = 'fillfactor'), 90),
       i.indisvalid, i.indisexclusion,
       pg_tablespace_location(coalesce(nullif(c.reltablespace, 0), d.dattablespace))
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_am m ON m.oid = c.relam
  JOIN pg_database d ON d.datname = current_database()
 WHERE c.relkind = 'i' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY 3, 4
"""

SERVER_STATE: t.Final = """
SELECT now(), pg_is_in_recovery(), current_setting('track_counts')::bool,
       pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
"""

PAGES: t.Final = """
SELECT asked.oid, s.internal_pages, s.leaf_pages, s.empty_pages, s.deleted_pages, s.avg_leaf_density
  FROM unnest(%(oids)s::oid[]) asked(oid)
 CROSS JOIN LATERAL {measure}(asked.oid::regclass) s
"""

INVALID: t.Final = """
SELECT c.oid, i.indrelid, n.nspname, c.relname,
       EXISTS (SELECT FROM pg_index o
                WHERE o.indrelid = i.indrelid AND o.indexrelid <> i.indexrelid AND o.indisvalid AND o.indisready
                  AND o.indisunique = i.indisunique AND o.indnullsnotdistinct = i.indnullsnotdistinct
                  AND o.indkey::text = i.indkey::text AND o.indclass::text = i.indclass::text
                  AND o.indcollation::text = i.indcollation::text AND o.indoption::text = i.indoption::text
                  AND o.indnatts = i.indnatts AND o.indnkeyatts = i.indnkeyatts
                  AND pg_get_expr(o.indexprs, o.indrelid) IS NOT DISTINCT FROM pg_get_expr(i.indexprs, i.indrelid)
                  AND pg_get_expr(o.indpred, o.indrelid) IS NOT DISTINCT FROM pg_get_expr(i.indpred, i.indrelid)),
       EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid),
       EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.datid = d.oid AND p.relid = i.indrelid)
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_database d ON d.datname = current_database()
 WHERE NOT i.indisvalid AND c.relkind = 'i' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY 3, 4
"""

# Autovacuum counts too: when it is at the table just now, it does the work that we skip.
WORK_TIMES: t.Final = """
SELECT greatest(pg_stat_get_last_vacuum_time(%(oid)s), pg_stat_get_last_autovacuum_time(%(oid)s)),
       greatest(pg_stat_get_last_analyze_time(%(oid)s), pg_stat_get_last_autoanalyze_time(%(oid)s))
"""

EXTENSION: t.Final = """
SELECT (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = %(name)s),
       EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = %(name)s),
       (SELECT obj_description(e.oid, 'pg_extension') FROM pg_extension e WHERE e.extname = %(name)s)
"""

CONNECTIONS: t.Final = """
SELECT count(*) FILTER (WHERE a.datname = current_database()),
       count(*) FILTER (WHERE a.datname = current_database() AND a.state = 'active' AND a.pid <> pg_backend_pid()),
       count(*), current_setting('max_connections')::int
  FROM pg_stat_activity a
 WHERE a.backend_type = 'client backend'
"""

TRANSACTIONS: t.Final = """
SELECT a.pid, a.usename, a.state, extract(epoch FROM clock_timestamp() - a.xact_start)::float
  FROM pg_stat_activity a
 WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
   AND a.state <> 'idle' AND a.xact_start IS NOT NULL
 ORDER BY a.xact_start
"""

# REINDEX CONCURRENTLY waits for every older snapshot in the database and for everybody who has
# locked the table.
IN_THE_WAY: t.Final = """
SELECT a.pid, a.usename, a.state, extract(epoch FROM clock_timestamp() - a.xact_start)::float
  FROM pg_stat_activity a
 WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
   AND a.xact_start < clock_timestamp() - current_setting('lock_timeout')::interval
   AND (a.backend_type = 'client backend' AND a.backend_xmin IS NOT NULL
        OR EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                    WHERE l.pid = a.pid AND l.granted AND l.relation = %(table)s AND d.datname = a.datname))
 ORDER BY a.xact_start
"""

TABLE_SIZES: t.Final = """
SELECT n.nspname, c.relname, pg_total_relation_size(c.oid) AS bytes
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY bytes DESC NULLS LAST, 1, 2
 LIMIT %(limit)s
"""

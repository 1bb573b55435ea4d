# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The queries on PostgreSQL's catalogues (15 and newer).

{braces} are identifiers, %(names)s are values. Functions that measure a relation wait for its lock,
and give NULL for one that is gone: what is locked, or about to be, is not measured but marked.
"""

# ruff: noqa: S608 - the queries are put together from constants only

from __future__ import annotations

import typing as t

#: Relations of this database that another session locks against everybody, or waits to.
LOCKED: t.Final = """locked AS MATERIALIZED (
    SELECT DISTINCT l.relation
      FROM pg_locks l JOIN pg_database d ON d.oid = l.database
     WHERE d.datname = current_database() AND l.mode = 'AccessExclusiveLock'
       AND l.relation IS NOT NULL AND l.pid IS DISTINCT FROM pg_backend_pid())"""

_OURS: t.Final = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"

# A partitioned table has no counters of its own: the changes of its leaves count, and all rows of a
# leaf that was analysed more than an hour after the parent (autovacuum does that, and it resets the
# counter of the leaf). pg_partition_tree() would wait for locks of the leaves. Without a leaf there
# is nothing to analyse, and the server would not note that somebody tried.
TABLES: t.Final = f"""
WITH RECURSIVE below(root, relid) AS (
    SELECT i.inhparent, i.inhrelid
      FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent AND p.relkind = 'p'
     UNION
    SELECT b.root, i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.relid)
SELECT c.oid, n.nspname, c.relname, c.relkind = 'p',
       ARRAY(SELECT b.root::oid FROM below b WHERE b.relid = c.oid),
       coalesce(s.n_live_tup, 0), coalesce(s.n_dead_tup, 0),
       CASE WHEN c.relkind = 'p' THEN coalesce(leaves.changed, 0)::bigint
            ELSE coalesce(s.n_mod_since_analyze, 0) END,
       coalesce(s.n_ins_since_vacuum, 0),
       greatest(s.last_analyze, s.last_autoanalyze), greatest(s.last_vacuum, s.last_autovacuum),
       CASE WHEN c.relfrozenxid = '0' THEN 0
            ELSE greatest(age(c.relfrozenxid),
                          coalesce(age(nullif(toast.relfrozenxid, '0')), 0)) END
  FROM pg_stat_user_tables s
  JOIN pg_class c ON c.oid = s.relid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
  LEFT JOIN LATERAL (
       SELECT count(*) AS number,
              sum(l.n_mod_since_analyze
                  + CASE WHEN greatest(l.last_analyze, l.last_autoanalyze)
                              > greatest(s.last_analyze, s.last_autoanalyze) + interval '1 hour'
                         THEN l.n_live_tup ELSE 0 END) AS changed
         FROM below b
         JOIN pg_class k ON k.oid = b.relid AND k.relkind <> 'p'
         LEFT JOIN pg_stat_user_tables l ON l.relid = b.relid
        WHERE b.root = c.oid) leaves ON c.relkind = 'p'
 WHERE (c.relkind <> 'p' OR leaves.number > 0) AND c.relpersistence <> 't' AND {_OURS}
"""

# An index answers to its bare and its qualified name, and to those of the partitioned indexes above
# it.
INDEXES: t.Final = f"""
WITH {LOCKED}
SELECT c.oid, i.indrelid, n.nspname, c.relname,
       ARRAY(SELECT unnest(ARRAY[k.relname::text, kn.nspname || '.' || k.relname])
               FROM pg_class k JOIN pg_namespace kn ON kn.oid = k.relnamespace
              WHERE k.oid = c.oid
                 OR c.relispartition
                    AND k.oid IN (SELECT a.relid FROM pg_partition_ancestors(c.oid) a)),
       m.amname,
       CASE WHEN c.oid IN (SELECT relation FROM locked) THEN NULL
            ELSE pg_relation_size(c.oid) END,
       coalesce((SELECT o.option_value::int FROM pg_options_to_table(c.reloptions) o
                  WHERE o.option_name = 'fillfactor'), 90),
       i.indisvalid, i.indisexclusion,
       coalesce(pg_tablespace_location(coalesce(nullif(c.reltablespace, 0), d.dattablespace)), ''),
       c.oid IN (SELECT relation FROM locked)
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_am m ON m.oid = c.relam
  JOIN pg_database d ON d.datname = current_database()
 WHERE c.relkind = 'i' AND c.relpersistence <> 't' AND {_OURS}
 ORDER BY 3, 4
"""

SERVER_STATE: t.Final = """
SELECT now(), pg_is_in_recovery(), current_setting('track_counts')::bool,
       pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
"""

PAGES: t.Final = """
SELECT s.internal_pages, s.leaf_pages, s.empty_pages, s.deleted_pages, s.avg_leaf_density
  FROM {measure}(%(oid)s::regclass) s
"""

EXISTS: t.Final = """
SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.oid = %(oid)s AND n.nspname = %(schema)s AND c.relname = %(name)s)
"""

# REINDEX TABLE CONCURRENTLY goes through the indexes of a table and of its values out of line
# together. Those of the latter, and of partitioned tables, are reported only: they have no twin.
INVALID: t.Final = f"""
WITH {LOCKED}
SELECT c.oid, i.indrelid, n.nspname, c.relname,
       CASE WHEN i.indrelid IN (SELECT relation FROM locked)
              OR c.relkind = 'I' OR n.nspname = 'pg_toast' THEN false ELSE
       EXISTS (SELECT FROM pg_index o
                WHERE o.indrelid = i.indrelid AND o.indexrelid <> i.indexrelid
                  AND o.indisvalid AND o.indisready
                  AND o.indisunique = i.indisunique
                  AND o.indnullsnotdistinct = i.indnullsnotdistinct
                  AND o.indkey::text = i.indkey::text AND o.indclass::text = i.indclass::text
                  AND o.indcollation::text = i.indcollation::text
                  AND o.indoption::text = i.indoption::text
                  AND o.indnatts = i.indnatts AND o.indnkeyatts = i.indnkeyatts
                  AND pg_get_expr(o.indexprs, o.indrelid)
                      IS NOT DISTINCT FROM pg_get_expr(i.indexprs, i.indrelid)
                  AND pg_get_expr(o.indpred, o.indrelid)
                      IS NOT DISTINCT FROM pg_get_expr(i.indpred, i.indrelid)) END,
       EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid),
       EXISTS (SELECT FROM pg_stat_progress_create_index p JOIN pg_class k ON k.oid = p.relid
                WHERE p.datid = d.oid
                  AND (k.oid = i.indrelid OR k.reltoastrelid = i.indrelid
                       OR k.oid = (SELECT o.reltoastrelid FROM pg_class o WHERE o.oid = i.indrelid)
                       OR c.relkind = 'I'
                          AND i.indrelid IN (SELECT a.relid FROM pg_partition_ancestors(k.oid) a)))
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_database d ON d.datname = current_database()
 WHERE NOT i.indisvalid AND (c.relkind IN ('i', 'I') AND {_OURS} OR n.nspname = 'pg_toast')
 ORDER BY 3, 4
"""

# Autovacuum counts too: when it is at the table just now, it does the work that we skip.
WORK_TIMES: t.Final = """
SELECT greatest(pg_stat_get_last_vacuum_time(%(oid)s), pg_stat_get_last_autovacuum_time(%(oid)s)),
       greatest(pg_stat_get_last_analyze_time(%(oid)s), pg_stat_get_last_autoanalyze_time(%(oid)s))
"""

EXTENSION: t.Final = """
SELECT (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
         WHERE e.extname = %(name)s),
       EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = %(name)s),
       (SELECT obj_description(e.oid, 'pg_extension') FROM pg_extension e
         WHERE e.extname = %(name)s)
"""

CONNECTIONS: t.Final = """
SELECT count(*) FILTER (WHERE a.datname = current_database()),
       count(*) FILTER (WHERE a.datname = current_database() AND a.state = 'active'
                          AND a.pid <> pg_backend_pid()),
       count(*), current_setting('max_connections')::int
  FROM pg_stat_activity a
 WHERE a.backend_type = 'client backend'
"""

# Prepared transactions have no session: they stay open until somebody ends them by name.
TRANSACTIONS: t.Final = """
SELECT 'session', a.pid::text, a.usename, a.state,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds
  FROM pg_stat_activity a
 WHERE a.datname = current_database() AND a.backend_type = 'client backend'
   AND a.pid <> pg_backend_pid() AND a.state <> 'idle' AND a.xact_start IS NOT NULL
 UNION ALL
SELECT 'prepared', p.gid, p.owner, 'prepared',
       extract(epoch FROM clock_timestamp() - p.prepared)::float8
  FROM pg_prepared_xacts p
 WHERE p.database = current_database()
 ORDER BY seconds DESC
"""

# Whatever keeps VACUUM from removing rows in this database: snapshots and transaction ids of
# sessions, prepared transactions, and replicas that asked to keep rows (hot_standby_feedback, by a
# slot or without one).
HOLDERS: t.Final = """
SELECT 'session', a.pid::text, a.usename, a.state,
       extract(epoch FROM clock_timestamp()
                          - coalesce(a.xact_start, a.query_start, a.backend_start))::float8
  FROM pg_stat_activity a
 WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
   AND a.backend_type <> 'autovacuum worker'
   AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
 UNION ALL
SELECT 'prepared', p.gid, p.owner, 'prepared',
       extract(epoch FROM clock_timestamp() - p.prepared)::float8
  FROM pg_prepared_xacts p
 WHERE p.database = current_database()
 UNION ALL
SELECT 'slot', s.slot_name, NULL, CASE WHEN s.active THEN 'active' ELSE 'not in use' END, NULL
  FROM pg_replication_slots s
 WHERE s.xmin IS NOT NULL
 UNION ALL
SELECT 'replica', coalesce(nullif(r.application_name, ''), r.client_addr::text, r.pid::text),
       r.usename, r.state, NULL
  FROM pg_stat_replication r
 WHERE r.backend_xmin IS NOT NULL
"""

# REINDEX CONCURRENTLY waits for every older snapshot in the database, whatever process has it, and
# for everybody who has locked the table, prepared transactions included.
IN_THE_WAY: t.Final = """
SELECT 'session', a.pid::text, a.usename, a.state,
       extract(epoch FROM clock_timestamp()
                          - coalesce(a.xact_start, a.query_start, a.backend_start))::float8
           AS seconds
  FROM pg_stat_activity a
 WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
   AND coalesce(a.xact_start, a.query_start, a.backend_start)
       < clock_timestamp() - current_setting('lock_timeout')::interval
   AND (a.backend_type <> 'autovacuum worker' AND a.backend_xmin IS NOT NULL
        OR EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                    WHERE l.pid = a.pid AND l.granted AND l.relation = %(table)s
                      AND d.datname = a.datname))
 UNION ALL
SELECT 'prepared', coalesce(p.gid, l.virtualtransaction), p.owner, 'prepared',
       extract(epoch FROM clock_timestamp() - p.prepared)::float8
  FROM pg_locks l
  JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
  LEFT JOIN pg_locks own ON own.locktype = 'transactionid' AND own.pid IS NULL
                        AND own.virtualtransaction = l.virtualtransaction
  LEFT JOIN pg_prepared_xacts p ON p.transaction = own.transactionid
 WHERE l.pid IS NULL AND l.relation = %(table)s
 ORDER BY seconds DESC NULLS LAST
"""

INDEX_SIZE: t.Final = "SELECT pg_relation_size(%(oid)s::oid::regclass)"
#: A table with its rows out of line, and its indexes.
TABLE_SIZE: t.Final = """
SELECT ARRAY[pg_table_size(%(oid)s::oid::regclass), pg_indexes_size(%(oid)s::oid::regclass)]
"""

TABLE_SIZES: t.Final = f"""
WITH {LOCKED}
SELECT c.oid, n.nspname, c.relname,
       CASE WHEN c.oid IN (SELECT relation FROM locked)
              OR c.reltoastrelid IN (SELECT relation FROM locked)
              OR EXISTS (SELECT FROM pg_index i
                          WHERE i.indrelid = c.oid
                            AND i.indexrelid IN (SELECT relation FROM locked))
            THEN NULL ELSE ARRAY[pg_table_size(c.oid), pg_indexes_size(c.oid)] END,
       c.oid IN (SELECT relation FROM locked)
         OR c.reltoastrelid IN (SELECT relation FROM locked)
         OR EXISTS (SELECT FROM pg_index i
                     WHERE i.indrelid = c.oid AND i.indexrelid IN (SELECT relation FROM locked))
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND {_OURS}
"""

UNUSED_INDEXES: t.Final = f"""
WITH {LOCKED}
SELECT s.schemaname, s.indexrelname, pg_relation_size(s.indexrelid)
  FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid
 WHERE s.idx_scan = 0 AND i.indisvalid AND NOT i.indisunique AND NOT i.indisexclusion
   AND s.schemaname !~ '^pg_'
   AND s.indexrelid NOT IN (SELECT relation FROM locked)
   AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = s.indexrelid)
"""

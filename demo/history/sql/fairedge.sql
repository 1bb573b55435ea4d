-- What is older than the rows of demo/image/sql/fairedge.sql: opportunities that are over, and how their odds moved.
INSERT INTO opportunities
    (sport, event, market, bookmaker, odds, probability, expected_value, active, created_at, updated_at)
SELECT (ARRAY['football', 'tennis', 'basketball', 'hockey'])[1 + i % 4],
       format('Home %s - Away %s', i % 40, i % 37),
       (ARRAY['winner', 'total', 'handicap'])[1 + i % 3],
       format('bookmaker-%s', 1 + i % 12),
       o.odds, o.probability, round(o.odds * o.probability - 1, 4),
       false, o.moment, o.moment + interval '2 hours'
  FROM (SELECT min(created_at) AS until, pg_temp.beginning(:days) AS since FROM opportunities) AS known,
       generate_series(1, :days * 165) AS i,
       LATERAL (SELECT round((1.2 + 5 * pg_temp.draw(:seed, i, 1))::numeric, 2) AS odds,
                       round((0.1 + 0.8 * pg_temp.draw(:seed, i, 2))::numeric, 4) AS probability,
                       known.since + (pg_temp.edge(known.until) - known.since) * i / (:days * 165 + 1) AS moment) AS o
 WHERE o.moment BETWEEN known.since AND known.until AND pg_temp.draw(:seed, i, 3) < pg_temp.awake(o.moment);

INSERT INTO odds_history (opportunity_id, odds, recorded_at)
SELECT o.id, round((o.odds * (0.95 + 0.1 * pg_temp.draw(:seed, o.id * 8 + n, 4)))::numeric, 2),
       o.created_at + n * interval '20 minutes'
  FROM (SELECT min(recorded_at) AS until FROM odds_history) AS known,
       opportunities AS o,
       generate_series(1, 5) AS n
 WHERE o.created_at BETWEEN pg_temp.beginning(:days) AND known.until - interval '2 hours'
   AND n <= 1 + 4 * pg_temp.draw(:seed, o.id, 5)
 ORDER BY o.created_at;

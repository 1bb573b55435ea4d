-- What is older than the rows of demo/image/sql/student_success.sql: a year of predictions, letters and help.
INSERT INTO predictions (id_student, risk_probability, risk, created_at)
SELECT 1 + floor(3000 * pg_temp.draw(:seed, i, 1)), p.chance,
       CASE WHEN p.chance < 0.4 THEN 'low' WHEN p.chance < 0.7 THEN 'medium' ELSE 'high' END,
       m.moment
  FROM (SELECT min(created_at) AS until, pg_temp.beginning(:days) AS since FROM predictions) AS known,
       generate_series(1, :days * 220) AS i,
       LATERAL (SELECT round(pg_temp.draw(:seed, i, 2)::numeric, 4) AS chance) AS p,
       LATERAL (SELECT known.since + (pg_temp.edge(known.until) - known.since) * i / (:days * 220 + 1) AS moment) AS m
 WHERE m.moment BETWEEN known.since AND known.until AND pg_temp.draw(:seed, i, 3) < pg_temp.awake(m.moment);

INSERT INTO interventions (id_student, kind, started_at)
SELECT 1 + floor(3000 * pg_temp.draw(:seed, i, 4)), (ARRAY['tutoring', 'call', 'plan'])[1 + i % 3],
       m.moment
  FROM (SELECT min(started_at) AS until, pg_temp.beginning(:days) AS since FROM interventions) AS known,
       generate_series(1, :days * 4) AS i,
       LATERAL (SELECT known.since + (pg_temp.edge(known.until) - known.since) * i / (:days * 4 + 1) AS moment) AS m
 WHERE m.moment BETWEEN known.since AND known.until;

INSERT INTO notifications (id_student, text, created_at, sent_at)
SELECT 1 + floor(3000 * pg_temp.draw(:seed, i, 5)), 'A student of yours may need help.',
       m.moment, m.moment + interval '1 minute'
  FROM (SELECT min(created_at) AS until, pg_temp.beginning(:days) AS since FROM notifications) AS known,
       generate_series(1, :days * 16) AS i,
       LATERAL (SELECT known.since + (pg_temp.edge(known.until) - known.since) * i / (:days * 16 + 1) AS moment) AS m
 WHERE m.moment BETWEEN known.since AND known.until AND pg_temp.draw(:seed, i, 6) < pg_temp.awake(m.moment);

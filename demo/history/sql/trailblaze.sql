-- What is older than the rows of demo/image/sql/trailblaze.sql: runs of the scraper, and rides in more places.
INSERT INTO events (name, location, date_start, date_end, distance_miles, updated_at)
SELECT format('Ride of district %s, no. %s', i % 12, i),
       format('Camp %s', floor(80 * pg_temp.draw(:seed, i, 1))),
       d.day, d.day + floor(3 * pg_temp.draw(:seed, i, 2))::int, 25 * (1 + floor(4 * pg_temp.draw(:seed, i, 3))::int),
       d.day - interval '1 day' * (1 + floor(60 * pg_temp.draw(:seed, i, 4)))
  FROM generate_series(1, :days * 22) AS i,
       LATERAL (SELECT current_date - (1 + floor((:days - 1) * pg_temp.draw(:seed, i, 5)))::int AS day) AS d;

INSERT INTO scraper_runs (scraper, status, started_at, finished_at, events, cache_hits, cache_misses, message)
SELECT 'aerc_calendar', r.status, r.moment, r.moment + interval '8 seconds',
       CASE WHEN r.status = 'ok' THEN 72 ELSE 0 END, r.hits, 24 - r.hits,
       CASE WHEN r.status = 'ok' THEN '' ELSE 'the page has 12 rows, 11 events were made of them' END
  FROM (SELECT min(started_at) AS until FROM scraper_runs) AS known,
       generate_series(1, :days - 1) AS i,
       LATERAL (SELECT CASE WHEN pg_temp.draw(:seed, i, 6) < 0.03 THEN 'failed' ELSE 'ok' END AS status,
                       date_trunc('day', now()) - i * interval '1 day'
                       + interval '1 hour' * pg_temp.draw(:seed, i, 7) AS moment,
                       (ARRAY[12, 18, 20])[1 + floor(3 * pg_temp.draw(:seed, i, 8))::int] AS hits) AS r
 WHERE r.moment < known.until;

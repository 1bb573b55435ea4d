-- Data of the demo system trailblaze. Every value follows from the row number, so each fleet starts with the same rows;
-- the scraper adds the months to come.
CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    location text NOT NULL,
    date_start date NOT NULL,
    date_end date NOT NULL CHECK (date_end >= date_start),
    distance_miles integer NOT NULL CHECK (distance_miles > 0),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (name, date_start)
);

CREATE TABLE scraper_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scraper text NOT NULL,
    status text NOT NULL CHECK (status IN ('ok', 'failed')),
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    events integer NOT NULL,
    cache_hits integer NOT NULL,
    cache_misses integer NOT NULL,
    message text NOT NULL
);

INSERT INTO events (name, location, date_start, date_end, distance_miles)
SELECT format('Past ride %s', i), format('Camp %s', i % 40), d.day, d.day + i % 3, 25 * (1 + i % 4)
  FROM generate_series(1, 4000) AS i, LATERAL (SELECT current_date - 1 - i % 1500 AS day) AS d;

INSERT INTO scraper_runs (scraper, status, started_at, finished_at, events, cache_hits, cache_misses, message)
SELECT 'aerc_calendar', 'ok', s.moment, s.moment + interval '8 seconds', 72, 20, 4, ''
  FROM generate_series(1, 30) AS i, LATERAL (SELECT now() - i * interval '1 day' AS moment) AS s;

CREATE INDEX idx_events_date ON events (date_start, date_end);

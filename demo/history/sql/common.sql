-- Run before the history of each system, by the database's owner. Variables: seed, days.
SET synchronous_commit = off;
SET maintenance_work_mem = '64MB';

-- A number from 0 to 1 that belongs to a row and a purpose, in whatever order rows are made.
CREATE FUNCTION pg_temp.draw(seed bigint, number bigint, purpose int) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashint8extended(number, seed * 1000 + purpose) & 1048575) / 1048576.0::float8
$$;

-- Rows stand on a grid from the beginning of the history to an edge. Both are midnights, so that the rows of one day's
-- histories are the same; those that would be younger than the oldest rows of the image are left out.
CREATE FUNCTION pg_temp.beginning(days int) RETURNS timestamptz
LANGUAGE sql STABLE AS $$ SELECT date_trunc('day', now()) - interval '1 day' * (days - 1) $$;

CREATE FUNCTION pg_temp.edge(oldest timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE AS $$ SELECT date_trunc('day', oldest) + interval '1 day' $$;

-- The share of people who are there at a moment: fewer at night, fewer at weekends.
CREATE FUNCTION pg_temp.awake(moment timestamptz) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN extract(isodow FROM moment AT TIME ZONE 'UTC') < 6 THEN 1 ELSE 0.6 END
           * (0.55 - 0.45 * cos((extract(hour FROM moment AT TIME ZONE 'UTC')::float8 - 4) * pi() / 12))
$$;

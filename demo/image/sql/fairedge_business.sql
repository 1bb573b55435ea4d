-- What the business counts. A fleet may run for days, so sessions and use of the API are there three days ahead.
CREATE TABLE auth.sessions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES auth.users (id),
    started_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > started_at)
);

CREATE TABLE subscriptions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES auth.users (id),
    plan text NOT NULL CHECK (plan IN ('monthly', 'yearly')),
    started_at timestamptz NOT NULL,
    ended_at timestamptz CHECK (ended_at >= started_at)
);

CREATE TABLE api_usage (
    tier text NOT NULL CHECK (tier IN ('free', 'premium', 'admin')),
    hour timestamptz NOT NULL,
    requests bigint NOT NULL CHECK (requests >= 0),
    quota bigint NOT NULL CHECK (quota > 0),
    PRIMARY KEY (hour, tier)
);

INSERT INTO auth.sessions (user_id, started_at, expires_at)
SELECT 1 + (i + 10000) * 48271::bigint % 2000, s.moment, s.moment + (10 + (i + 10000) % 50) * interval '1 minute'
  FROM generate_series(-2880, 4320) AS i, LATERAL (SELECT now() + i * interval '1 minute' AS moment) AS s;

INSERT INTO subscriptions (user_id, plan, started_at, ended_at)
SELECT i * 5, CASE WHEN i % 3 = 0 THEN 'yearly' ELSE 'monthly' END, now() - (400 - i) * interval '1 day',
       CASE WHEN i % 11 = 0 THEN now() - i % 60 * interval '1 day' END
  FROM generate_series(1, 300) AS i;

-- Busier by day than by night, the same each week but for a tenth.
INSERT INTO api_usage (tier, hour, requests, quota)
SELECT t.tier, h.hour,
       (t.quota * (0.3 + 0.15 * sin(extract(hour FROM h.hour) * pi() / 12)) * (0.95 + (i + 1000) * 16807 % 100 / 1000.0))::bigint,
       t.quota
  FROM generate_series(-29 * 24, 72) AS i,
       LATERAL (SELECT date_trunc('hour', now()) + i * interval '1 hour' AS hour) AS h,
       (VALUES ('free', 6000), ('premium', 20000), ('admin', 1000)) AS t (tier, quota);

CREATE INDEX idx_sessions_expires_at ON auth.sessions (expires_at);

-- Data of the demo system fairedge. Every value follows from the row number, so each fleet starts with the same rows.
CREATE SCHEMA auth;
CREATE SCHEMA audit;

CREATE TABLE opportunities (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sport text NOT NULL,
    event text NOT NULL,
    market text NOT NULL,
    bookmaker text NOT NULL,
    odds numeric(6, 2) NOT NULL CHECK (odds > 1),
    probability numeric(5, 4) NOT NULL CHECK (probability BETWEEN 0 AND 1),
    expected_value numeric(8, 4) NOT NULL,
    active boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE odds_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    opportunity_id bigint NOT NULL REFERENCES opportunities (id),
    odds numeric(6, 2) NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE auth.users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    role text NOT NULL CHECK (role IN ('free', 'premium', 'admin')),
    created_at timestamptz NOT NULL,
    confirmed_at timestamptz
);

CREATE TABLE audit.user_role_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES auth.users (id),
    old_role text NOT NULL,
    new_role text NOT NULL,
    changed_by text NOT NULL,
    created_at timestamptz NOT NULL
);

-- 200 of 20,000 opportunities are on offer now, the others are over.
INSERT INTO opportunities
    (sport, event, market, bookmaker, odds, probability, expected_value, active, created_at, updated_at)
SELECT (ARRAY['football', 'tennis', 'basketball', 'hockey'])[1 + i % 4],
       format('Home %s - Away %s', i % 40, i % 37),
       (ARRAY['winner', 'total', 'handicap'])[1 + i % 3],
       format('bookmaker-%s', 1 + i % 12),
       o.odds, o.probability, round(o.odds * o.probability - 1, 4),
       i <= 200,
       now() - i * interval '7 minutes',
       CASE WHEN i <= 200 THEN now() ELSE now() - i * interval '5 minutes' END
  FROM generate_series(1, 20000) AS i,
       LATERAL (SELECT round((1.2 + (i * 48271 % 1000) / 200.0)::numeric, 2) AS odds,
                       round((0.1 + (i * 16807 % 800) / 1000.0)::numeric, 4) AS probability) AS o;

INSERT INTO odds_history (opportunity_id, odds, recorded_at)
SELECT 1 + i % 20000, round((1.2 + (i * 48271::bigint % 1000) / 200.0)::numeric, 2), now() - i * interval '2 minutes'
  FROM generate_series(1, 40000) AS i;

INSERT INTO auth.users (email, role, created_at, confirmed_at)
SELECT format('user%s@example.org', i),
       CASE WHEN i <= 3 THEN 'admin' WHEN i % 5 = 0 THEN 'premium' ELSE 'free' END,
       now() - i * interval '6 hours',
       now() - i * interval '6 hours' + interval '10 minutes'
  FROM generate_series(1, 2000) AS i;

INSERT INTO audit.user_role_changes (user_id, old_role, new_role, changed_by, created_at)
SELECT i * 5, 'free', 'premium', 'billing', now() - i * interval '3 hours'
  FROM generate_series(1, 300) AS i;

CREATE INDEX idx_opportunities_active ON opportunities (expected_value DESC) WHERE active;
CREATE INDEX idx_odds_history_opportunity ON odds_history (opportunity_id, recorded_at);
CREATE INDEX idx_role_changes_created_at ON audit.user_role_changes (created_at);

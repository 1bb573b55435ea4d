-- Data of the demo system hyperopt. Every value follows from the row number, so each fleet starts with the same rows.
CREATE TABLE strategies (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    symbol text NOT NULL,
    status text NOT NULL CHECK (status IN ('active', 'paused', 'retired')),
    parameters jsonb NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE optimization_results (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    strategy_id bigint NOT NULL REFERENCES strategies (id),
    score numeric(8, 4) NOT NULL,
    created_at timestamptz NOT NULL,
    "timestamp" timestamptz NOT NULL
);

CREATE TABLE backtest_trades (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    strategy_id bigint NOT NULL REFERENCES strategies (id),
    "timestamp" timestamptz NOT NULL,
    side text NOT NULL CHECK (side IN ('buy', 'sell')),
    price numeric(12, 4) NOT NULL,
    quantity numeric(12, 4) NOT NULL
);

CREATE TABLE trading_pairs (
    symbol text PRIMARY KEY,
    active boolean NOT NULL,
    base_price double precision NOT NULL CHECK (base_price > 0)
);

-- One candle for each pair and five minutes.
CREATE TABLE market_data (
    symbol text NOT NULL REFERENCES trading_pairs (symbol),
    "timestamp" timestamptz NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision NOT NULL,
    PRIMARY KEY (symbol, "timestamp")
);

-- The market stands here as a function of pair, time and seed (setting demo.seed): slow waves and a little noise, both
-- bounded, so that no candle is out of line for any seed. About two candles in a thousand are missing, as they are in
-- life. market_catch_up, which the API calls, goes on where the data end.
CREATE FUNCTION market_candles(since timestamptz, until timestamptz)
RETURNS SETOF market_data
LANGUAGE sql STABLE AS $$
    WITH pairs AS (
        SELECT p.symbol, p.base_price AS base, s.seed,
               (hashtextextended(p.symbol, s.seed) & 1023) / 1023.0::float8 * 2 * pi() AS phase
          FROM trading_pairs AS p,
               LATERAL (SELECT coalesce(nullif(current_setting('demo.seed', true), ''), '1')::bigint AS seed) AS s
         WHERE p.active
    ), points AS (
        SELECT p.symbol, p.phase, slot, h.bits, p.base
               * (1 + 0.08 * sin(slot * 2 * pi() / 10656 + p.phase) + 0.02 * sin(slot * 2 * pi() / 374 - p.phase)
                    + 0.002 * ((h.bits & 1023) / 1023.0::float8 - 0.5)) AS price
          FROM pairs AS p,
               generate_series(floor(extract(epoch FROM since) / 300)::bigint,
                               floor(extract(epoch FROM until) / 300)::bigint) AS slot,
               LATERAL (SELECT hashtextextended(p.symbol || slot, p.seed) AS bits) AS h
    ), moves AS (
        SELECT *, lead(price) OVER (PARTITION BY symbol ORDER BY slot) AS last,
               ((bits >> 10) & 1023) / 1023.0::float8 AS spread, ((bits >> 20) & 1023) / 1023.0::float8 AS demand
          FROM points
    )
    SELECT symbol, to_timestamp(slot * 300),
           round(price * 1e4) / 1e4,
           round(greatest(price, last) * (1 + 0.001 * spread) * 1e4) / 1e4,
           round(least(price, last) * (1 - 0.001 * spread) * 1e4) / 1e4,
           round(last * 1e4) / 1e4,
           round(100 * (1 + 0.4 * sin(slot * 2 * pi() / 288 + phase)) * (0.7 + 0.6 * demand) * 1e4) / 1e4
      FROM moves
     WHERE last IS NOT NULL AND (bits >> 30) & 511 > 0
$$;

-- Bring the market up to date; at most a week is made up for, so that no call is long. Two may come at once.
CREATE FUNCTION market_catch_up() RETURNS void
LANGUAGE sql AS $$
    INSERT INTO market_data
    SELECT candles.*
      FROM (SELECT greatest(max("timestamp"), now() - interval '7 days') AS since FROM market_data) AS last,
           LATERAL market_candles(last.since, now()) AS candles
        ON CONFLICT DO NOTHING
$$;

INSERT INTO strategies (name, symbol, status, parameters, created_at)
SELECT format('strategy-%s', i),
       (ARRAY['AAA', 'BBB', 'CCC', 'DDD', 'EEE'])[1 + i % 5],
       CASE WHEN i <= 60 THEN 'active' WHEN i % 3 = 0 THEN 'paused' ELSE 'retired' END,
       jsonb_build_object('window', 5 + i % 50, 'threshold', (i * 16807 % 1000) / 1000.0),
       now() - i * interval '5 hours'
  FROM generate_series(1, 500) AS i;

INSERT INTO optimization_results (strategy_id, score, created_at, "timestamp")
SELECT 1 + i % 500, round(((i * 48271::bigint % 40000) / 10000.0 - 1)::numeric, 4), t.moment, t.moment
  FROM generate_series(1, 20000) AS i, LATERAL (SELECT now() - i * interval '9 minutes' AS moment) AS t;

INSERT INTO backtest_trades (strategy_id, "timestamp", side, price, quantity)
SELECT 1 + i % 500,
       now() - i * interval '3 minutes',
       CASE WHEN i % 2 = 0 THEN 'buy' ELSE 'sell' END,
       round((50 + (i * 16807::bigint % 100000) / 1000.0)::numeric, 4),
       1 + i % 100
  FROM generate_series(1, 40000) AS i;

INSERT INTO trading_pairs (symbol, active, base_price)
VALUES ('AAA', true, 50), ('BBB', true, 120), ('CCC', true, 8), ('DDD', true, 900), ('EEE', true, 30),
       ('OLD', false, 5);

INSERT INTO market_data SELECT * FROM market_candles(now() - interval '2 days', now());

CREATE INDEX idx_strategies_symbol ON strategies (symbol);
CREATE INDEX idx_results_timestamp ON optimization_results ("timestamp");
CREATE INDEX idx_trades_strategy_id ON backtest_trades (strategy_id);

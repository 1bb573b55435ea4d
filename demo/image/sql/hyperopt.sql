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

CREATE INDEX idx_strategies_symbol ON strategies (symbol);
CREATE INDEX idx_results_timestamp ON optimization_results ("timestamp");
CREATE INDEX idx_trades_strategy_id ON backtest_trades (strategy_id);

-- What is older than the rows of demo/image/sql/hyperopt.sql: strategies, their results and trades, and market data.
INSERT INTO strategies (name, symbol, status, parameters, created_at)
SELECT format('strategy-%s', 500 + i),
       (ARRAY['AAA', 'BBB', 'CCC', 'DDD', 'EEE'])[1 + i % 5],
       CASE WHEN pg_temp.draw(:seed, i, 1) < 0.2 THEN 'paused' ELSE 'retired' END,
       jsonb_build_object('window', 5 + i % 50, 'threshold', round(pg_temp.draw(:seed, i, 2)::numeric, 3)),
       known.until - (known.until - pg_temp.beginning(:days)) * i / 700
  FROM (SELECT date_trunc('day', min(created_at)) AS until FROM strategies) AS known, generate_series(1, 700) AS i
 WHERE pg_temp.beginning(:days) < known.until;

-- Of the strategies that there were at a moment, one of the ten newest has the result.
CREATE FUNCTION pg_temp.strategy_at(oldest timestamptz, newest timestamptz, moment timestamptz, drawn float8)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT 500 + least(700, floor(10 * drawn)::bigint + greatest(1, 1 + ceil(
           699 * extract(epoch FROM newest - moment)::float8 / extract(epoch FROM newest - oldest)::float8)::bigint))
$$;

INSERT INTO optimization_results (strategy_id, score, created_at, "timestamp")
SELECT pg_temp.strategy_at(s.oldest, s.newest, m.moment, pg_temp.draw(:seed, i, 3)),
       round((4 * pg_temp.draw(:seed, i, 4) - 1)::numeric, 4), m.moment, m.moment
  FROM (SELECT min(created_at) AS until FROM optimization_results) AS known,
       (SELECT min(created_at) AS oldest, max(created_at) FILTER (WHERE id > 500) AS newest FROM strategies) AS s,
       generate_series(1, :days * 165) AS i,
       LATERAL (SELECT s.oldest + (pg_temp.edge(known.until) - s.oldest) * i / (:days * 165 + 1) AS moment) AS m
 WHERE s.newest IS NOT NULL AND m.moment < known.until AND pg_temp.draw(:seed, i, 5) < pg_temp.awake(m.moment);

INSERT INTO backtest_trades (strategy_id, "timestamp", side, price, quantity)
SELECT pg_temp.strategy_at(s.oldest, s.newest, m.moment, pg_temp.draw(:seed, i, 6)), m.moment,
       CASE WHEN pg_temp.draw(:seed, i, 7) < 0.5 THEN 'buy' ELSE 'sell' END,
       round((50 + 100 * pg_temp.draw(:seed, i, 8))::numeric, 4),
       1 + floor(100 * pg_temp.draw(:seed, i, 9))
  FROM (SELECT min("timestamp") AS until FROM backtest_trades) AS known,
       (SELECT min(created_at) AS oldest, max(created_at) FILTER (WHERE id > 500) AS newest FROM strategies) AS s,
       generate_series(1, :days * 330) AS i,
       LATERAL (SELECT s.oldest + (pg_temp.edge(known.until) - s.oldest) * i / (:days * 330 + 1) AS moment) AS m
 WHERE s.newest IS NOT NULL AND m.moment < known.until AND pg_temp.draw(:seed, i, 10) < pg_temp.awake(m.moment);

-- The market of another seed is another one, so that of the first days is replaced, too.
TRUNCATE market_data;
ALTER TABLE market_data DROP CONSTRAINT market_data_pkey;
INSERT INTO market_data SELECT * FROM market_candles(pg_temp.beginning(:days), now());
ALTER TABLE market_data ADD PRIMARY KEY (symbol, "timestamp");

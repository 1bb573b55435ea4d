-- Optimisations of the last 30 days, one about every 70 minutes: they take half a minute to two, one in 50 fails.
CREATE TABLE optimization_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    strategy_id bigint NOT NULL REFERENCES strategies (id),
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL CHECK (finished_at >= started_at),
    status text NOT NULL CHECK (status IN ('ok', 'failed'))
);

INSERT INTO optimization_runs (strategy_id, started_at, finished_at, status)
SELECT 1 + i % 60, s.moment, s.moment + (30 + i * 48271::bigint % 90) * interval '1 second',
       CASE WHEN i % 50 = 49 THEN 'failed' ELSE 'ok' END
  FROM generate_series(1, 600) AS i, LATERAL (SELECT now() - i * interval '71 minutes' AS moment) AS s;

CREATE INDEX idx_runs_finished_at ON optimization_runs (finished_at);

-- Data of the demo system student_success. Every value follows from the row number, so each fleet starts with the same
-- rows.
CREATE TABLE students (
    id_student bigint PRIMARY KEY,
    early_avg_score numeric(5, 2) NOT NULL,
    early_total_clicks integer NOT NULL,
    studied_credits integer NOT NULL,
    enrolled_at timestamptz NOT NULL
);

CREATE TABLE predictions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id_student bigint NOT NULL REFERENCES students (id_student),
    risk_probability numeric(5, 4) NOT NULL,
    risk text NOT NULL CHECK (risk IN ('low', 'medium', 'high')),
    created_at timestamptz NOT NULL
);

CREATE TABLE interventions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id_student bigint NOT NULL REFERENCES students (id_student),
    kind text NOT NULL,
    started_at timestamptz NOT NULL
);

CREATE TABLE notifications (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id_student bigint NOT NULL REFERENCES students (id_student),
    text text NOT NULL,
    created_at timestamptz NOT NULL,
    sent_at timestamptz
);

CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    role text NOT NULL CHECK (role IN ('advisor', 'teacher', 'admin')),
    created_at timestamptz NOT NULL,
    last_login_at timestamptz CHECK (last_login_at >= created_at)
);

INSERT INTO students (id_student, early_avg_score, early_total_clicks, studied_credits, enrolled_at)
SELECT i, (i * 48271::bigint % 10000) / 100.0, i * 16807::bigint % 400, 30 * (1 + i % 4), now() - i * interval '3 hours'
  FROM generate_series(1, 3000) AS i;

INSERT INTO predictions (id_student, risk_probability, risk, created_at)
SELECT 1 + i % 3000, p.chance,
       CASE WHEN p.chance < 0.4 THEN 'low' WHEN p.chance < 0.7 THEN 'medium' ELSE 'high' END,
       now() - i * interval '10 minutes'
  FROM generate_series(1, 20000) AS i, LATERAL (SELECT round(((i * 48271::bigint % 10000) / 10000.0)::numeric, 4) AS chance) AS p;

INSERT INTO interventions (id_student, kind, started_at)
SELECT 1 + i * 7 % 3000, (ARRAY['tutoring', 'call', 'plan'])[1 + i % 3], now() - i * interval '5 hours'
  FROM generate_series(1, 400) AS i;

INSERT INTO notifications (id_student, text, created_at, sent_at)
SELECT 1 + i * 11 % 3000, 'A student of yours may need help.', now() - i * interval '2 hours',
       CASE WHEN i > 5 THEN now() - i * interval '2 hours' + interval '1 minute' END
  FROM generate_series(1, 1000) AS i;

INSERT INTO users (email, role, created_at, last_login_at)
SELECT format('staff%s@example.org', i),
       CASE WHEN i <= 2 THEN 'admin' WHEN i % 4 = 0 THEN 'advisor' ELSE 'teacher' END,
       now() - i * interval '2 days',
       CASE WHEN i % 10 > 0 THEN now() - i % 9 * interval '5 hours' END
  FROM generate_series(1, 180) AS i;

CREATE INDEX idx_predictions_student ON predictions (id_student, created_at);
CREATE INDEX idx_notifications_unsent ON notifications (created_at) WHERE sent_at IS NULL;

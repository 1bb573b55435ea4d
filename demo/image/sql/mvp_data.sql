-- The small edition of student_success, in SQLite.
CREATE TABLE uploads (
    id INTEGER PRIMARY KEY,
    rows INTEGER NOT NULL CHECK (rows > 0),
    seconds REAL NOT NULL,
    created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE feedback (
    id INTEGER PRIMARY KEY,
    upload_id INTEGER NOT NULL REFERENCES uploads (id),
    helpful INTEGER NOT NULL CHECK (helpful IN (0, 1))
);

WITH RECURSIVE number (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < 2000)
INSERT INTO uploads (rows, seconds, created_at)
SELECT 1 + i % 40, 0.01 + (i % 30) / 1000.0, datetime('now', printf('-%d minutes', i * 20)) FROM number;

INSERT INTO feedback (upload_id, helpful) SELECT id, id % 5 > 0 FROM uploads WHERE id % 3 = 0;

CREATE INDEX idx_feedback_upload ON feedback (upload_id);

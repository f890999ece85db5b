-- AUTO CDC, SCD type 2: changes that come out of order, twice and late, deletes among them, in two runs; each history is also computed by one query.
CREATE OR REFRESH STREAMING TABLE changes AS
SELECT * FROM STREAM read_files('in/t', format => 'csv', header => true, schema => 'region STRING, id INT, name STRING, amount DECIMAL(8,2), op STRING, seq INT, part INT');
CREATE OR REFRESH STREAMING TABLE history;
CREATE FLOW history_flow AS AUTO CDC INTO history FROM STREAM(changes) KEYS (region, id)
APPLY AS DELETE WHEN op = 'delete' SEQUENCE BY seq COLUMNS (region, id, name, amount) STORED AS SCD TYPE 2;

CREATE OR REFRESH STREAMING TABLE names;
CREATE FLOW names_flow AS AUTO CDC INTO names FROM STREAM(changes) KEYS (id)
APPLY AS DELETE WHEN op = 'delete' SEQUENCE BY struct(seq, part) COLUMNS (id, name, amount) STORED AS SCD TYPE 2 TRACK HISTORY ON (name);

CREATE OR REFRESH MATERIALIZED VIEW open AS SELECT region, count(*) AS n, max(__START_AT) AS newest FROM history WHERE __END_AT IS NULL GROUP BY region;

-- What the histories must be, by one query over all changes.
CREATE OR REFRESH MATERIALIZED VIEW history_recomputed AS
WITH one AS (SELECT region, id, seq, max(coalesce(op = 'delete', false)) AS gone, max(struct(name, amount)) AS row FROM changes GROUP BY region, id, seq),
told AS (SELECT *, lag(gone) OVER (PARTITION BY region, id ORDER BY seq) AS was_gone, lag(row) OVER (PARTITION BY region, id ORDER BY seq) AS was FROM one),
steps AS (SELECT *, lead(seq) OVER (PARTITION BY region, id ORDER BY seq) AS until FROM told WHERE gone OR coalesce(was_gone, true) OR NOT row <=> was)
SELECT region, id, row.name, row.amount, seq AS __START_AT, until AS __END_AT FROM steps WHERE NOT gone;

CREATE OR REFRESH MATERIALIZED VIEW names_recomputed AS
WITH one AS (SELECT id, seq, part, max(coalesce(op = 'delete', false)) AS gone, max(struct(name, amount)) AS row FROM changes GROUP BY id, seq, part),
told AS (SELECT *, lag(gone) OVER (PARTITION BY id ORDER BY seq, part) AS was_gone, lag(row) OVER (PARTITION BY id ORDER BY seq, part) AS was FROM one),
counted AS (SELECT *, sum(CASE WHEN gone OR coalesce(was_gone, true) OR NOT row.name <=> was.name THEN 1 ELSE 0 END) OVER (PARTITION BY id ORDER BY seq, part) AS version FROM told),
versions AS (SELECT id, version, min(struct(seq, part)) AS since, max(gone) AS gone, max(row.name) AS name, max_by(row.amount, struct(seq, part)) AS amount FROM counted GROUP BY id, version)
SELECT id, name, amount, __START_AT, __END_AT FROM (SELECT *, since AS __START_AT, lead(since) OVER (PARTITION BY id ORDER BY version) AS __END_AT FROM versions) WHERE NOT gone;

CREATE OR REFRESH MATERIALIZED VIEW differences AS
SELECT 'history' AS what, count(*) AS n FROM ((SELECT * FROM history EXCEPT SELECT * FROM history_recomputed) UNION ALL (SELECT * FROM history_recomputed EXCEPT SELECT * FROM history))
UNION ALL
SELECT 'names' AS what, count(*) AS n FROM ((SELECT * FROM names EXCEPT SELECT * FROM names_recomputed) UNION ALL (SELECT * FROM names_recomputed EXCEPT SELECT * FROM names));

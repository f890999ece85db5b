-- AUTO CDC, SCD type 1: changes that come out of order, twice and late, deletes among them, in two runs.
CREATE OR REFRESH STREAMING TABLE changes AS
SELECT * FROM STREAM read_files('in/t', format => 'csv', header => true, schema => 'region STRING, id INT, name STRING, amount DECIMAL(8,2), op STRING, seq INT, part INT');
CREATE OR REFRESH STREAMING TABLE newest;
CREATE FLOW newest_flow AS AUTO CDC INTO newest FROM STREAM(changes) KEYS (region, id)
APPLY AS DELETE WHEN op = 'delete' SEQUENCE BY struct(seq, part) COLUMNS * EXCEPT (op, part);

CREATE OR REFRESH STREAMING TABLE by_id (id INT, name STRING, seq INT);
CREATE FLOW by_id_flow AS AUTO CDC INTO by_id FROM STREAM(changes) KEYS (id) SEQUENCE BY seq COLUMNS (id, name, seq) STORED AS SCD TYPE 1;

CREATE OR REFRESH MATERIALIZED VIEW regions AS SELECT region, count(*) AS n, sum(amount) AS amount FROM newest GROUP BY region;

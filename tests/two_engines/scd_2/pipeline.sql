-- AUTO CDC, SCD type 2: changes that come out of order, twice and late, deletes among them, in two runs.
CREATE OR REFRESH STREAMING TABLE changes AS
SELECT * FROM STREAM read_files('in/t', format => 'csv', header => true, schema => 'region STRING, id INT, name STRING, amount DECIMAL(8,2), op STRING, seq INT, part INT');
CREATE OR REFRESH STREAMING TABLE history;
CREATE FLOW history_flow AS AUTO CDC INTO history FROM STREAM(changes) KEYS (region, id)
APPLY AS DELETE WHEN op = 'delete' SEQUENCE BY seq COLUMNS (region, id, name, amount) STORED AS SCD TYPE 2;

CREATE OR REFRESH STREAMING TABLE names;
CREATE FLOW names_flow AS AUTO CDC INTO names FROM STREAM(changes) KEYS (id)
APPLY AS DELETE WHEN op = 'delete' SEQUENCE BY struct(seq, part) COLUMNS (id, name, amount) STORED AS SCD TYPE 2 TRACK HISTORY ON (name);

CREATE OR REFRESH MATERIALIZED VIEW open AS SELECT region, count(*) AS n, max(__START_AT) AS newest FROM history WHERE __END_AT IS NULL GROUP BY region;

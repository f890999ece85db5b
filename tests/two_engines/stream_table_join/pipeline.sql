-- A stream joined with tables when its rows come: what the table gains later changes no row that is there.
CREATE OR REFRESH STREAMING TABLE trades AS
SELECT * FROM STREAM read_files('in/t', format => 'csv', header => true, schema => 'id INT, symbol STRING, price DOUBLE, day DATE');

CREATE OR REFRESH STREAMING TABLE companies AS
SELECT * FROM STREAM read_files('in/companies', format => 'csv', header => true, schema => 'symbol STRING, name STRING, since DATE, until DATE');

CREATE OR REFRESH MATERIALIZED VIEW known AS SELECT symbol, max_by(name, since) AS name, count(*) AS n FROM companies GROUP BY symbol;

CREATE OR REFRESH STREAMING TABLE named AS
SELECT t.id, t.symbol, k.name, t.price FROM STREAM trades t LEFT JOIN known k ON t.symbol = k.symbol;

CREATE OR REFRESH STREAMING TABLE at_the_time AS
SELECT t.id, c.name, t.day FROM STREAM trades t JOIN companies c ON t.symbol = c.symbol AND t.day >= c.since AND (c.until IS NULL OR t.day < c.until);

CREATE OR REFRESH STREAMING TABLE strangers AS
SELECT id, symbol FROM STREAM trades t LEFT ANTI JOIN companies USING (symbol);

CREATE OR REFRESH STREAMING TABLE friends AS
SELECT id FROM STREAM trades t LEFT SEMI JOIN (SELECT symbol FROM known WHERE n > 1) k ON t.symbol <=> k.symbol;

CREATE OR REFRESH STREAMING TABLE banded AS
SELECT id, band FROM STREAM trades CROSS JOIN (VALUES (0, 100, 'low'), (100, 200, 'high')) AS bands(low, high, band) WHERE price >= low AND price < high;

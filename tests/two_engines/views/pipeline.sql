-- Temporary views over streams and tables, and over each other; a view that is read twice; tables in a chain.
CREATE OR REFRESH STREAMING TABLE raw AS SELECT * FROM STREAM read_files('in/t', format => 'csv', header => true, schema => 'id INT, symbol STRING, price DOUBLE');
CREATE TEMPORARY VIEW cleaned AS SELECT id, upper(trim(symbol)) AS symbol, price FROM STREAM(raw) WHERE price IS NOT NULL;
CREATE TEMPORARY VIEW dear AS SELECT * EXCEPT (price), price * 2 AS doubled FROM STREAM(cleaned) WHERE price > 10;
CREATE OR REFRESH STREAMING TABLE all_of_them COMMENT 'It''s "all" of them' TBLPROPERTIES ('purpose' = 'a test') AS SELECT * FROM STREAM(cleaned);
CREATE OR REFRESH STREAMING TABLE dear_ones (id INT COMMENT 'number', symbol STRING, doubled DOUBLE) PARTITIONED BY (symbol) AS SELECT * FROM STREAM(dear);
CREATE TEMPORARY VIEW means AS SELECT symbol, avg(price) AS mean FROM all_of_them GROUP BY symbol;
CREATE OR REFRESH MATERIALIZED VIEW spread AS SELECT a.symbol, a.price - m.mean AS off, a.id FROM all_of_them a JOIN means m ON a.symbol = m.symbol;
CREATE OR REFRESH MATERIALIZED VIEW spread_of_spread AS SELECT symbol, max(off) - min(off) AS width FROM spread GROUP BY symbol;

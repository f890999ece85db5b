-- Both engines read the same files.
CREATE OR REFRESH STREAMING TABLE bronze_ticks
COMMENT 'Ticks ''as they came'''
AS SELECT value FROM STREAM read_files('in/ticks', format => 'text', maxFilesPerTrigger => 1);

CREATE OR REFRESH STREAMING TABLE bars (
  symbol STRING NOT NULL COMMENT 'ticker',
  day DATE,
  close DECIMAL(10,2),
  op STRING
)
PARTITIONED BY (symbol)
AS SELECT symbol, day, close, op
FROM STREAM(read_files('in/bars', format => 'csv', header => true,
                       schema => 'symbol STRING, day DATE, close DECIMAL(10,2), op STRING'));

CREATE OR REFRESH STREAMING TABLE silver_ticks (
  CONSTRAINT has_symbol EXPECT (symbol IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT positive_price EXPECT (price > 0) ON VIOLATION DROP ROW,
  CONSTRAINT small EXPECT (coalesce(size, 0) < 1000000) ON VIOLATION FAIL UPDATE,
  CONSTRAINT even_size EXPECT (size % 2 = 0)
)
TBLPROPERTIES ('ticklake.quarantine' = 'expectations')
AS SELECT upper(trim(tick.symbol)) AS symbol, tick.ts, tick.price, tick.size, tick.seq -- and no more
FROM (
  SELECT from_json(value, 'symbol STRING, ts TIMESTAMP, price DOUBLE, size BIGINT, seq BIGINT') AS tick
  FROM STREAM bronze_ticks
);

CREATE OR REFRESH STREAMING TABLE candles (
  CONSTRAINT traded EXPECT (volume > 100) ON VIOLATION DROP ROW
)
AS SELECT symbol, window.start AS start, min_by(price, struct(ts, seq)) AS open, max(price) AS high,
  min(price) AS low, max_by(price, struct(ts, seq)) AS close, sum(size) AS volume, count(*) AS trades
FROM STREAM silver_ticks WATERMARK ts DELAY OF INTERVAL 10 SECONDS
GROUP BY window(ts, '1 minute'), symbol;

CREATE OR REFRESH MATERIALIZED VIEW daily AS
SELECT symbol, CAST(ts AS DATE) AS day, sum(size) AS volume, round(avg(price), 6) AS average, count(*) AS n
FROM silver_ticks GROUP BY ALL;

CREATE TEMPORARY VIEW changes AS SELECT symbol, day, close FROM bars;

CREATE OR REFRESH MATERIALIZED VIEW compared AS
SELECT daily.symbol, close, volume, rank() OVER (ORDER BY volume DESC, daily.symbol) AS place
FROM daily JOIN (SELECT symbol, max(close) AS close FROM changes GROUP BY symbol) USING (symbol);

-- SCD type 2, of changes out of order, twice, and deletes.
CREATE OR REFRESH STREAMING TABLE close_price COMMENT 'Closing prices and when they held';
CREATE FLOW close_price_flow AS AUTO CDC INTO close_price
FROM STREAM(bars)
KEYS (symbol)
APPLY AS DELETE WHEN op = 'delisted'
SEQUENCE BY day
COLUMNS * EXCEPT (op)
STORED AS SCD TYPE 2
TRACK HISTORY ON * EXCEPT (day);

-- SCD type 1.
CREATE OR REFRESH STREAMING TABLE newest (CONSTRAINT dear EXPECT (close > 20) ON VIOLATION DROP ROW);
CREATE FLOW newest_flow AS AUTO CDC INTO newest FROM STREAM bars KEYS (symbol)
APPLY AS DELETE WHEN op = 'delisted' SEQUENCE BY struct(day, coalesce(close, 0)) COLUMNS (symbol, close);

-- Several flows into one table, and several streams in one query.
CREATE OR REFRESH STREAMING TABLE prices (symbol STRING, price DOUBLE, origin STRING,
                                          CONSTRAINT known EXPECT (symbol <> 'IBM') ON VIOLATION DROP ROW);
CREATE FLOW of_bars AS INSERT INTO prices BY NAME SELECT symbol, CAST(close AS DOUBLE) AS price FROM STREAM bars;
CREATE FLOW of_ticks AS INSERT INTO prices SELECT symbol, price, 'tick' AS origin FROM STREAM silver_ticks WHERE seq % 10 = 0;

CREATE OR REFRESH STREAMING TABLE united AS
SELECT symbol, seq FROM STREAM silver_ticks WHERE seq < 50
UNION ALL
SELECT symbol, CAST(NULL AS BIGINT) FROM STREAM bars;

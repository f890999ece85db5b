-- Tumbling, sliding and session windows over one stream, of rows out of order but within the delay.
CREATE OR REFRESH STREAMING TABLE trades AS
SELECT * FROM STREAM read_files('in/t', format => 'csv', header => true, schema => 'symbol STRING, ts TIMESTAMP, price DOUBLE, size INT');

CREATE OR REFRESH STREAMING TABLE tumbling AS
SELECT symbol, window.start AS start, window.end AS end, min_by(price, ts) AS open, max(price) AS high, min(price) AS low,
  max_by(price, ts) AS close, sum(size) AS volume, count(*) AS n, avg(size) AS average
FROM STREAM trades WATERMARK ts DELAY OF INTERVAL 30 SECONDS
GROUP BY window(ts, '1 minute'), symbol;

CREATE OR REFRESH STREAMING TABLE sliding AS
SELECT window, count(*) AS n, sum(size) AS volume
FROM STREAM trades WATERMARK ts DELAY OF INTERVAL 30 SECONDS
GROUP BY window(ts, '2 minutes', '45 seconds', '10 seconds');

CREATE OR REFRESH STREAMING TABLE sessions AS
SELECT symbol, session_window.start AS start, session_window.end AS end, count(*) AS n, max(price) AS high
FROM STREAM trades WATERMARK ts DELAY OF INTERVAL 30 SECONDS
GROUP BY session_window(ts, '20 seconds'), symbol;

-- Each row once, and groups by the event time itself: written when the watermark has come to them.
CREATE OR REFRESH STREAMING TABLE rows AS
SELECT * FROM STREAM read_files('in/t', format => 'csv', header => true, schema => 'ts TIMESTAMP, k STRING, v INT');

CREATE OR REFRESH STREAMING TABLE once AS
SELECT DISTINCT k, ts, v FROM STREAM rows WATERMARK ts DELAY OF INTERVAL 10 SECONDS;

CREATE OR REFRESH STREAMING TABLE instants AS
SELECT ts, count(*) AS n, sum(v) AS total, max(k) AS k
FROM STREAM rows WATERMARK ts DELAY OF INTERVAL 10 SECONDS GROUP BY ts;

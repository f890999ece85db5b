-- Each run is a batch: what is late is decided by the watermark of the batch before. Rows are late by less than the delay, by more
-- than it in a window that is still open, on the very edge, and too late; a delay of zero; times that are NULL.
CREATE OR REFRESH STREAMING TABLE rows AS
SELECT * FROM STREAM read_files('in/t', format => 'csv', header => true, schema => 'ts TIMESTAMP, k STRING, v INT');

CREATE OR REFRESH STREAMING TABLE minutes AS
SELECT window.start AS start, count(*) AS n, sum(v) AS total, array_sort(collect_list(v)) AS all
FROM STREAM rows WATERMARK ts DELAY OF INTERVAL 1 MINUTE
GROUP BY window(ts, '1 minute');

CREATE OR REFRESH STREAMING TABLE at_once AS
SELECT k, window.end AS end, count(*) AS n, sum(v) AS total
FROM STREAM rows WATERMARK ts DELAY OF INTERVAL 0 SECONDS
GROUP BY window(ts, '30 seconds'), k;

CREATE OR REFRESH STREAMING TABLE slides AS
SELECT window.start AS start, count(*) AS n, sum(v) AS total
FROM STREAM rows WATERMARK ts DELAY OF INTERVAL 20 SECONDS
GROUP BY window(ts, '1 minute', '20 seconds');

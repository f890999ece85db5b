-- Topics, read by their names and records, with keys and places; windows over two partitions.
CREATE OR REFRESH STREAMING TABLE bronze AS
SELECT CAST(key AS STRING) AS key, value, topic, partition, offset, timestamp IS NOT NULL AS has_time, timestampType
FROM STREAM read_kafka(bootstrapServers => '${kafka.bootstrap}', subscribe => 'engine_ticks', startingOffsets => 'earliest');
CREATE OR REFRESH STREAMING TABLE silver (CONSTRAINT whole EXPECT (symbol IS NOT NULL AND ts IS NOT NULL) ON VIOLATION DROP ROW) AS
SELECT tick.*, partition, offset FROM (SELECT from_json(CAST(value AS STRING), 'symbol STRING, ts TIMESTAMP, price DOUBLE') AS tick, partition, offset FROM STREAM bronze);
CREATE OR REFRESH STREAMING TABLE candles AS
SELECT symbol, window.start AS start, max(price) AS high, count(*) AS n FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 10 SECONDS GROUP BY window(ts, '1 minute'), symbol;
CREATE OR REFRESH STREAMING TABLE straight AS
SELECT CAST(value AS STRING) AS value, offset % 3 AS third FROM STREAM read_kafka(bootstrapServers => '${kafka.bootstrap}', subscribe => 'engine_notes', startingOffsets => 'earliest') WHERE value IS NOT NULL;

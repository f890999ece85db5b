CREATE STREAMING TABLE bronze AS
SELECT CAST(value AS STRING) AS raw, partition, offset
FROM STREAM read_kafka(bootstrapServers => '${kafka.bootstrap}', subscribe => 'ticks', startingOffsets => 'earliest');

CREATE STREAMING TABLE silver (
  CONSTRAINT positive_price EXPECT (price > 0) ON VIOLATION DROP ROW
) AS
SELECT t.symbol, t.ts, t.price, t.size, t.seq
FROM (SELECT from_json(raw, 'symbol STRING, ts TIMESTAMP, price DOUBLE, size BIGINT, seq BIGINT') AS t FROM STREAM bronze);

CREATE STREAMING TABLE gold AS
SELECT symbol, window.start AS minute,
       min_by(price, struct(ts, seq)) AS open, max(price) AS high, min(price) AS low,
       max_by(price, struct(ts, seq)) AS close, sum(size) AS volume
FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 10 SECONDS AS s
GROUP BY window(ts, '1 minute'), symbol;

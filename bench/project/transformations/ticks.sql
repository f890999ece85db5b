CREATE STREAMING TABLE bronze AS
SELECT CAST(value AS STRING) AS raw, partition, offset, timestamp AS kafka_ts
FROM STREAM read_kafka(bootstrapServers => '${kafka.bootstrap}', subscribe => 'ticks', startingOffsets => 'earliest');

CREATE STREAMING TABLE silver AS
SELECT upper(trim(t.symbol)) AS symbol, t.ts, t.price, t.size, t.venue, t.seq, kafka_ts
FROM (SELECT from_json(raw, 'symbol STRING, ts TIMESTAMP, price DOUBLE, size BIGINT, venue STRING, seq BIGINT') AS t, kafka_ts
      FROM STREAM bronze)
WHERE t.symbol IS NOT NULL AND t.ts IS NOT NULL AND t.price > 0 AND t.size > 0;

CREATE STREAMING TABLE gold AS
SELECT symbol, window.start AS minute,
       min_by(price, struct(ts, seq)) AS open, max(price) AS high, min(price) AS low,
       max_by(price, struct(ts, seq)) AS close, sum(size) AS volume, count(*) AS n
FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 10 SECONDS AS s
GROUP BY window(ts, '1 minute'), symbol;

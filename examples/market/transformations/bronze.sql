-- Bronze: what the topics hold, byte for byte, with where each record came from. Nothing is decided
-- here, so whatever is found wrong later can be worked out again from these tables.

-- STREAM makes the read incremental: each run goes on after the last record that is in the table.
-- The position is part of the table's own commits, so no record is lost or taken twice.
CREATE OR REFRESH STREAMING TABLE bronze_ticks
COMMENT 'Ticks as they came'
AS SELECT
  value,                 -- the payload, BINARY
  topic, partition, offset,
  timestamp              -- when the broker took it
FROM STREAM read_kafka(
  bootstrapServers => '${kafka.bootstrap}',
  subscribe => '${topic.ticks}',
  startingOffsets => 'earliest');

CREATE OR REFRESH STREAMING TABLE bronze_bars
COMMENT 'Daily bars as they came'
AS SELECT value, topic, partition, offset, timestamp
FROM STREAM read_kafka(
  bootstrapServers => '${kafka.bootstrap}',
  subscribe => '${topic.daily_bars}',
  startingOffsets => 'earliest');

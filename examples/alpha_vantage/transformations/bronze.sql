-- Bronze: what the topics hold, byte for byte, with where each record came from.
CREATE OR REFRESH STREAMING TABLE bronze_weekly
COMMENT 'Weekly bars as they came; a bar that changed came again'
AS SELECT value, topic, partition, offset, timestamp
FROM STREAM read_kafka(
  bootstrapServers => '${kafka.bootstrap}',
  subscribe => '${topic.weekly}',
  startingOffsets => 'earliest');

CREATE OR REFRESH STREAMING TABLE bronze_hours
COMMENT 'Hourly bars as they came; a bar that changed came again'
AS SELECT value, topic, partition, offset, timestamp
FROM STREAM read_kafka(
  bootstrapServers => '${kafka.bootstrap}',
  subscribe => '${topic.hours}',
  startingOffsets => 'earliest');

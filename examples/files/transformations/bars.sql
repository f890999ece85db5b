-- Put another file into in/ while `ticklake run` is running: its rows are added, once.
CREATE OR REFRESH STREAMING TABLE bars (
  CONSTRAINT has_price EXPECT (close > 0) ON VIOLATION DROP ROW
)
TBLPROPERTIES ('ticklake.quarantine' = 'undecodable,expectations')
AS SELECT symbol, day, close, volume, _metadata.file_name AS source
FROM STREAM read_files('in', format => 'csv', header => true, schemaHints => 'close DOUBLE, volume BIGINT');

CREATE OR REFRESH MATERIALIZED VIEW highest AS
SELECT symbol, max(close) AS highest, sum(volume) AS volume, count(DISTINCT source) AS files
FROM bars GROUP BY symbol;

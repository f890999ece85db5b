-- UNION ALL of streams: columns by position, widened to one type.
CREATE OR REFRESH STREAMING TABLE a AS SELECT * FROM STREAM read_files('in/t', format => 'csv', header => true, schema => 'n INT, t STRING');
CREATE OR REFRESH STREAMING TABLE b AS SELECT * FROM STREAM read_files('in/u', format => 'csv', header => true, schema => 'd DOUBLE, day DATE');

CREATE OR REFRESH STREAMING TABLE both AS
SELECT n AS number, t AS text, 'a' AS origin FROM STREAM a
UNION ALL
SELECT d, CAST(day AS STRING), 'b' FROM STREAM b
UNION ALL
SELECT n * 100, upper(t), NULL FROM STREAM a WHERE n > 1;

CREATE OR REFRESH STREAMING TABLE dated AS
SELECT CAST('2026-01-05' AS DATE) AS day, CAST(n AS DECIMAL(5,1)) AS n FROM STREAM a
UNION ALL
SELECT CAST(day AS TIMESTAMP), CAST(7 AS DECIMAL(9,4)) FROM STREAM b;

-- A row that must not be stops its flow before anything of its batch is written; the table before it goes on.
CREATE OR REFRESH STREAMING TABLE raw AS SELECT * FROM STREAM read_files('in/t', format => 'json', schema => 'id INT, size INT');
CREATE OR REFRESH STREAMING TABLE checked (CONSTRAINT size_is_a_size EXPECT (size >= 0) ON VIOLATION FAIL UPDATE) AS SELECT id, size FROM STREAM raw;

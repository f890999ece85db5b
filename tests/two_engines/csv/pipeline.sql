-- CSV as files have it: quotes, separators, escapes, blanks, words for NULL, values that do not fit.
CREATE OR REFRESH STREAMING TABLE plain AS
SELECT *, _metadata.file_name AS file FROM STREAM read_files('in/t', format => 'csv', header => true, schema => 'id INT, name STRING, price DOUBLE, day DATE, at TIMESTAMP, ok BOOLEAN, amount DECIMAL(6,2)');
CREATE OR REFRESH STREAMING TABLE semicolons AS
SELECT * FROM STREAM read_files('in/u', format => 'csv', sep => ';', nullValue => 'n/a', schema => 'id INT, name STRING, price DOUBLE', comment => '#', ignoreLeadingWhiteSpace => true, quote => '''');
CREATE OR REFRESH STREAMING TABLE lines AS SELECT value, length(value) AS n FROM STREAM read_files('in/u', format => 'text');

-- Several flows into one table, by name and by position, with its expectations and types.
CREATE OR REFRESH STREAMING TABLE a AS SELECT * FROM STREAM read_files('in/t', format => 'json', schema => 'id INT, name STRING, amount DECIMAL(6,2)');
CREATE OR REFRESH STREAMING TABLE b AS SELECT * FROM STREAM read_files('in/u', format => 'json', schema => 'name STRING, id BIGINT, at TIMESTAMP');

CREATE OR REFRESH STREAMING TABLE everything (id BIGINT, name STRING, amount DOUBLE, at TIMESTAMP, origin STRING,
  CONSTRAINT named EXPECT (name IS NOT NULL) ON VIOLATION DROP ROW);
CREATE FLOW of_a AS INSERT INTO everything BY NAME SELECT CAST(id AS BIGINT) AS id, name, CAST(amount AS DOUBLE) AS amount, 'a' AS origin FROM STREAM a WHERE id > 0;
CREATE FLOW of_b AS INSERT INTO everything BY NAME SELECT at, id, name, 'b' AS origin FROM STREAM b;
CREATE FLOW of_both AS INSERT INTO everything SELECT id, upper(name) AS name, CAST(NULL AS DOUBLE) AS amount, at, 'c' AS origin FROM STREAM b WHERE id % 2 = 0;

CREATE OR REFRESH STREAMING TABLE found;
CREATE FLOW found_a AS INSERT INTO found BY NAME SELECT name, amount FROM STREAM a;
CREATE FLOW found_b AS INSERT INTO found BY NAME SELECT name, at FROM STREAM b;

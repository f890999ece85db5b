-- Every join of tables, with keys that are NULL, repeated and of two types.
CREATE OR REFRESH STREAMING TABLE l AS SELECT * FROM STREAM read_files('in/t', format => 'csv', header => true, schema => 'id INT, k INT, name STRING');
CREATE OR REFRESH STREAMING TABLE r AS SELECT * FROM STREAM read_files('in/u', format => 'csv', header => true, schema => 'id INT, k BIGINT, value STRING');
CREATE OR REFRESH MATERIALIZED VIEW inner_join AS SELECT l.id, r.id AS other, name, value FROM l JOIN r ON l.k = r.k;
CREATE OR REFRESH MATERIALIZED VIEW left_join AS SELECT l.id, r.id AS other, value FROM l LEFT JOIN r ON l.k = r.k AND r.value > 'p';
CREATE OR REFRESH MATERIALIZED VIEW right_join AS SELECT l.id, r.id AS other, name FROM l RIGHT OUTER JOIN r USING (k);
CREATE OR REFRESH MATERIALIZED VIEW full_join AS SELECT k, l.id, r.id AS other FROM l FULL JOIN r USING (k);
CREATE OR REFRESH MATERIALIZED VIEW natural_join AS SELECT * FROM (SELECT k, name FROM l) NATURAL JOIN (SELECT k, value FROM r);
CREATE OR REFRESH MATERIALIZED VIEW semi AS SELECT * FROM l LEFT SEMI JOIN r ON l.k <=> r.k;
CREATE OR REFRESH MATERIALIZED VIEW anti AS SELECT * FROM l LEFT ANTI JOIN r ON l.k = r.k;
CREATE OR REFRESH MATERIALIZED VIEW unequal AS SELECT l.id, r.id AS other FROM l JOIN r ON l.k < r.k AND l.id <> r.id;
CREATE OR REFRESH MATERIALIZED VIEW lateral AS SELECT l.id, best.value FROM l, LATERAL (SELECT max(value) AS value, count(*) AS n FROM r WHERE r.k = l.k) AS best;

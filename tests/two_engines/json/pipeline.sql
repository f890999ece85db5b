-- from_json of whole, odd and damaged payloads, paths, and JSON back from structs.
CREATE OR REFRESH STREAMING TABLE payloads AS
SELECT value FROM STREAM read_files('in/t', format => 'text');

CREATE OR REFRESH STREAMING TABLE parsed AS
SELECT value, j.id, j.name, j.price, j.n, j.ok, j.at, j.day, j.tags, j.inner.x AS x, j.inner.list AS list, j.attributes, j IS NULL AS nothing
FROM (SELECT value, from_json(value, 'id BIGINT, name STRING, price DOUBLE, n DECIMAL(8,2), ok BOOLEAN, at TIMESTAMP, day DATE, tags ARRAY<STRING>,
  inner STRUCT<x: INT, list: ARRAY<INT>>, attributes MAP<STRING, STRING>') AS j FROM STREAM payloads);

CREATE OR REFRESH STREAMING TABLE paths AS
SELECT get_json_object(value, '$.name') AS name, get_json_object(value, '$.inner.list[1]') AS second, get_json_object(value, '$.tags') AS tags,
  get_json_object(value, '$.price') AS price, get_json_object(value, '$.attributes.a') AS a, get_json_object(value, '$.inner') AS inner
FROM STREAM payloads;

CREATE OR REFRESH MATERIALIZED VIEW written AS
SELECT to_json(named_struct('id', id, 'name', name, 'price', price, 'n', n, 'ok', ok, 'at', at, 'day', day, 'tags', tags, 'attributes', attributes)) AS json,
  to_json(attributes) AS map, to_json(tags) AS list, json_array_length(to_json(tags)) AS length FROM parsed;

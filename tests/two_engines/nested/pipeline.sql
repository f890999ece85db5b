-- Structs, arrays and maps: parts of them, rows of them, and grouping by them.
CREATE OR REFRESH STREAMING TABLE orders AS
SELECT * FROM STREAM read_files('in/t', format => 'json',
  schema => 'id INT, customer STRUCT<name: STRING, address: STRUCT<city: STRING, zip: INT>>, items ARRAY<STRUCT<sku: STRING, n: INT, price: DOUBLE>>, tags ARRAY<STRING>, extra MAP<STRING, INT>');

CREATE OR REFRESH STREAMING TABLE lines AS
SELECT id, customer.address.city AS city, position, item.sku, item.n * item.price AS amount
FROM STREAM orders LATERAL VIEW OUTER posexplode(items) AS position, item;

CREATE OR REFRESH STREAMING TABLE pairs AS
SELECT id, key, value FROM (SELECT id, explode(extra) AS (key, value) FROM STREAM orders);

CREATE OR REFRESH STREAMING TABLE shapes AS
SELECT id, struct(id AS number, customer.name AS name) AS made, named_struct('a', array(id, id + 1), 'b', map('k', id)) AS deep, items.sku AS skus, try_element_at(items, 1).price AS first_price,
  try_element_at(tags, -1) AS last_tag, try_element_at(extra, 'a') AS a, size(items) AS n_items, cardinality(extra) AS n_extra, array_contains(tags, 'x') AS has_x, map_keys(extra) AS keys,
  map_values(extra) AS values, map_from_arrays(array('p', 'q'), array(id, NULL)) AS pq, array_distinct(tags) AS different, array_union(tags, array('x')) AS with_x, array_except(tags, array('x')) AS without_x,
  array_position(tags, 'y') AS at_y, array_remove(tags, 'y') AS without_y, slice(tags, 1, 2) AS two, flatten(array(tags, array('z'))) AS flat, concat(tags, array('end')) AS longer, array_join(tags, '-', '?') AS joined,
  sort_array(tags) AS sorted, sort_array(tags, false) AS backwards, reverse(tags) AS turned, array_max(tags) AS most, array_min(tags) AS least, arrays_zip(tags, items.sku) AS zipped, customer = named_struct('name', 'Ann', 'address', named_struct('city', 'Rome', 'zip', 1)) AS is_ann,
  sequence(1, id) AS counted, array_repeat(id, 2) AS twice, customer
FROM STREAM orders;

CREATE OR REFRESH MATERIALIZED VIEW by_address AS
SELECT customer.address, count(*) AS n, sort_array(collect_list(id)) AS ids, sort_array(collect_set(customer.name)) AS names, max(struct(size(items), id)) AS largest, min_by(customer.name, id) AS first
FROM orders GROUP BY customer.address;

CREATE OR REFRESH MATERIALIZED VIEW skus AS
SELECT sku, sum(n) AS n, max(price) AS price FROM orders LATERAL VIEW inline(items) line GROUP BY sku;

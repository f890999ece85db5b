-- Higher-order functions over arrays and maps, in a stream and in a view.
CREATE OR REFRESH STREAMING TABLE worked AS
SELECT id, transform(xs, x -> x * 2) AS doubled, transform(xs, (x, i) -> x + i) AS placed, filter(xs, x -> x > 1) AS some, filter(xs, (x, i) -> i % 2 = 0) AS even_places, exists(xs, x -> x > 2) AS any_above_2,
  forall(xs, x -> x > 0) AS all_positive, aggregate(xs, 0, (s, x) -> s + coalesce(x, 0)) AS total, aggregate(xs, CAST(1 AS BIGINT), (s, x) -> s * coalesce(x, 1), s -> -s) AS product,
  zip_with(xs, ys, (x, y) -> concat_ws(':', x, y)) AS pairs, array_sort(xs, (a, b) -> CASE WHEN coalesce(a, 0) > coalesce(b, 0) THEN -1 WHEN coalesce(a, 0) < coalesce(b, 0) THEN 1 ELSE 0 END) AS falling,
  array_sort(ys) AS rising, map_filter(m, (k, v) -> v > 1) AS big, transform_keys(m, (k, v) -> upper(k)) AS upper_keys, transform_values(m, (k, v) -> concat(k, v)) AS texts,
  map_zip_with(m, map('a', 10), (k, v, w) -> coalesce(v, 0) + coalesce(w, 0)) AS merged, transform(xs, x -> transform(ys, y -> concat(y, x))) AS grid, transform(xs, x -> struct(x AS x, id AS id)) AS structs
FROM STREAM read_files('in/t', format => 'json', schema => 'id INT, xs ARRAY<INT>, ys ARRAY<STRING>, m MAP<STRING, INT>');

CREATE OR REFRESH MATERIALIZED VIEW lists AS
SELECT id % 2 AS odd, transform(array_sort(collect_list(total)), t -> t + 1) AS totals, aggregate(collect_list(total), 0, (s, x) -> s + x) AS sum FROM worked GROUP BY id % 2;

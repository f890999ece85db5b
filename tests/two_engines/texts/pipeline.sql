-- Functions of texts and regular expressions, over ASCII, umlauts, emoji, blanks and NULL.
CREATE OR REFRESH STREAMING TABLE words AS
SELECT id, t, upper(t) AS up, lower(t) AS low, initcap(t) AS capital, length(t) AS n, octet_length(t) AS bytes, trim(t) AS trimmed, ltrim('a', t) AS no_a, rpad(t, 5, '.') AS padded, lpad(t, 3) AS cut, reverse(t) AS turned,
  substring(t, 2, 3) AS middle, substring(t, -2) AS tail, left(t, 2) AS l, right(t, 2) AS r, instr(t, 'a') AS at, locate('a', t, 3) AS later, position('l' IN t) AS pos, replace(t, 'a', 'A') AS replaced, translate(t, 'abc', 'x') AS translated,
  repeat(t, 2) AS twice, concat(t, '!', id) AS bang, concat_ws(',', t, NULL, id) AS ws, split(t, ' ') AS parts, split_part(t, ' ', 2) AS second, substring_index(t, ' ', 1) AS before_blank, ascii(t) AS code, base64(CAST(t AS BINARY)) AS b64,
  hex(t) AS hexed, md5(t) AS md, sha2(t, 256) AS sha, crc32(CAST(t AS BINARY)) AS crc, levenshtein(t, 'alpha') AS distance, soundex(t) AS sound, contains(t, 'a') AS has_a, startswith(t, 'a') AS starts, endswith(t, 'a') AS ends, t || '' AS same
FROM STREAM read_files('in/t', format => 'json', schema => 'id INT, t STRING');

CREATE OR REFRESH STREAMING TABLE patterns AS
SELECT id, t RLIKE '^[a-z]+$' AS small, t LIKE '%a_' AS second_last, t ILIKE 'A%' AS any_case, t LIKE 'a\\%%' AS per_cent, regexp_extract(t, '(\\w+)@(\\w+)', 2) AS host, regexp_replace(t, '\\d+', '#') AS no_digits,
  regexp_replace(t, '(\\w)(\\w)', '$2$1') AS swapped, regexp_extract_all(t, '\\d', 0) AS digits, regexp_count(t, 'a') AS count_a, regexp_instr(t, '[0-9]') AS first_digit, split(t, '[ ,]+') AS tokens, regexp_substr(t, '[A-Z][a-z]*') AS name,
  format_string('%s-%05d-%x', t, id, id) AS formatted, overlay(t PLACING '__' FROM 2 FOR 1) AS laid
FROM STREAM words;

CREATE OR REFRESH MATERIALIZED VIEW ordered AS
SELECT t, rank() OVER (ORDER BY t) AS place, lag(t) OVER (ORDER BY t, id) AS previous FROM words;

WITH trades AS (SELECT * FROM VALUES
  (1, 'IBM', TIMESTAMP'2026-01-05 14:30:00.100', 140.50, 100, 'B', 'XNYS', array('T','@')),
  (2, 'IBM', TIMESTAMP'2026-01-05 14:30:07.000', 140.55, 200, 'S', 'XNAS', array('@')),
  (3, 'MSFT', TIMESTAMP'2026-01-05 14:30:09.250', 410.10, 50, 'B', 'XNAS', array()),
  (4, 'IBM', TIMESTAMP'2026-01-05 14:31:00.000', 140.40, NULL, 'B', 'XNYS', NULL),
  (5, 'MSFT', TIMESTAMP'2026-01-05 14:31:59.999', 409.90, 75, NULL, 'XNAS', array('I', NULL)),
  (6, 'GE', TIMESTAMP'2026-01-05 14:32:00.000', NULL, 10, 'S', 'XNYS', array('T')),
  (7, 'IBM', TIMESTAMP'2026-01-06 09:30:00.000', 141.00, 300, 'B', 'BATS', array('O','T')),
  (8, 'MSFT', TIMESTAMP'2026-01-06 09:30:01.000', 411.25, 125, 'S', 'XNAS', array('O')),
  (9, NULL, TIMESTAMP'2026-01-06 09:31:00.000', 1.00, 1, 'S', NULL, NULL)
  AS t(id, symbol, ts, price, size, side, venue, conditions)),
quotes AS (SELECT * FROM VALUES
  ('IBM', TIMESTAMP'2026-01-05 14:29:59', CAST(140.45 AS DOUBLE), CAST(140.55 AS DOUBLE)),
  ('IBM', TIMESTAMP'2026-01-05 14:30:05', 140.50D, 140.60D),
  ('MSFT', TIMESTAMP'2026-01-05 14:30:00', 410.00D, 410.20D),
  ('GE', TIMESTAMP'2026-01-05 14:30:00', NULL, 180.0D)
  AS q(symbol, ts, bid, ask)),
instruments AS (SELECT * FROM VALUES
  ('IBM', 'International Business Machines', DATE'1915-11-11', named_struct('lot', 100, 'tick', 0.01), map('sector','Tech','country','US')),
  ('MSFT', 'Microsoft', DATE'1986-03-13', named_struct('lot', 100, 'tick', 0.01), map('sector','Tech')),
  ('XOM', 'Exxon Mobil', NULL, named_struct('lot', 10, 'tick', NULL), map()) AS i(symbol, name, listed, terms, tags))

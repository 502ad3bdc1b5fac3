-- Rows that left the catalogue.
DELETE FROM processed.{table} AS target
WHERE NOT EXISTS (SELECT FROM staged_{table} AS staged WHERE {same_key});

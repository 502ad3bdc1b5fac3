-- New and changed rows; a row that is the same is not rewritten.
INSERT INTO processed.{table} AS target ({columns})
SELECT {columns}
FROM staged_{table}
ON CONFLICT ({key}) DO UPDATE SET ({columns}) = ROW ({excluded})
WHERE ({target}) IS DISTINCT FROM ({excluded});

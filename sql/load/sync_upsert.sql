-- New and changed rows; a row that is the same is neither rewritten nor locked.
INSERT INTO processed.{table} AS target ({columns})
SELECT {columns}
FROM staged_{table} AS staged
WHERE NOT EXISTS (
    SELECT FROM processed.{table} AS target
    WHERE {same_key} AND ({target}) IS NOT DISTINCT FROM ({staged})
)
ON CONFLICT ({key}) DO UPDATE SET ({columns}) = ROW ({excluded});

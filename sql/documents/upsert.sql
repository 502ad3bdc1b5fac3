-- New and changed rows; a row that is the same is neither rewritten nor locked.
INSERT INTO {table} AS target ({columns})
SELECT {columns}
FROM {staged} AS staged
WHERE NOT EXISTS (
    SELECT FROM {table} AS target
    WHERE ({key_target}) = ({key_staged}) AND ({columns_target}) IS NOT DISTINCT FROM ({columns_staged})
)
ON CONFLICT ({key}) DO UPDATE SET ({columns}) = ROW ({columns_excluded});

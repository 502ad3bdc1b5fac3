CREATE TEMP TABLE leaving ON COMMIT DROP AS
SELECT target.* FROM {table} AS target
WHERE NOT EXISTS (SELECT FROM {staged} AS staged WHERE ({key_staged}) = ({key_target}));

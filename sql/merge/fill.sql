-- The rows that came, are valid and have their parents go into a table of their own: PostgreSQL has all its cores fill
-- a table that it makes, but only one an INSERT.
CREATE TABLE {filled} AS
SELECT {columns_staged}, staged._batch_id, staged._row
FROM stg_incoming AS staged
{parent_joins}
WHERE staged.valid{has_parents};

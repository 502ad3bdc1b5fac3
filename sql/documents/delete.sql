-- Rows that are in no document any more, the temporary table `leaving`.
DELETE FROM {table} AS target USING leaving WHERE ({key_target}) = ({key_leaving});

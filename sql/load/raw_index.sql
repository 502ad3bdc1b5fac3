-- After the first files have landed: to build an index is much cheaper than to keep it up during COPY.
CREATE INDEX IF NOT EXISTS {table}_batch_id_idx ON raw.{table} (_batch_id);

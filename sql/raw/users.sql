CREATE TABLE IF NOT EXISTS raw.users (
    _batch_id bigint NOT NULL,
    _row      bigint NOT NULL,
    user_id text,
    age text,
    country text,
    subscription_type text,
    registration_date text,
    total_watch_time_hours text
);

-- Its index on _batch_id is made by the first merge (sql/load/raw_index.sql): COPY takes twice as long with it.

COMMENT ON TABLE raw.users IS 'Records of users.csv and users-*.csv as they came. Grain: one row for each record of a file.';
COMMENT ON COLUMN raw.users._batch_id IS 'Batch (etl.batches) that landed the file.';
COMMENT ON COLUMN raw.users._row IS 'Number of the record in its file, from 1, header not counted.';
COMMENT ON COLUMN raw.users.user_id IS 'Natural key of the user.';
COMMENT ON COLUMN raw.users.age IS 'Age in years.';
COMMENT ON COLUMN raw.users.country IS 'Country of residence.';
COMMENT ON COLUMN raw.users.subscription_type IS 'Plan of the user.';
COMMENT ON COLUMN raw.users.registration_date IS 'ISO date of registration.';
COMMENT ON COLUMN raw.users.total_watch_time_hours IS 'Lifetime watch time in hours.';

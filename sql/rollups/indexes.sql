-- The keys of the rollups, by which they are kept up.
CREATE UNIQUE INDEX IF NOT EXISTS rollup_user_key ON etl.rollup_user (user_id);

CREATE UNIQUE INDEX IF NOT EXISTS rollup_user_device_key
    ON etl.rollup_user_device (user_id, device_type, quality_level) NULLS NOT DISTINCT;

CREATE UNIQUE INDEX IF NOT EXISTS rollup_user_month_key ON etl.rollup_user_month (user_id, month);

CREATE UNIQUE INDEX IF NOT EXISTS rollup_audience_key ON etl.rollup_audience (country, subscription_type) NULLS NOT DISTINCT;

CREATE UNIQUE INDEX IF NOT EXISTS rollup_minutes_key ON etl.rollup_minutes (minutes);

CREATE UNIQUE INDEX IF NOT EXISTS rollup_cohort_key
    ON etl.rollup_cohort (cohort_month, subscription_type, month) NULLS NOT DISTINCT;

CREATE UNIQUE INDEX IF NOT EXISTS rollup_device_key ON etl.rollup_device (device_type, quality_level) NULLS NOT DISTINCT;

CREATE UNIQUE INDEX IF NOT EXISTS rollup_title_key ON etl.rollup_title (content_id);

CREATE UNIQUE INDEX IF NOT EXISTS rollup_title_bucket_key ON etl.rollup_title_bucket (content_id, bucket) NULLS NOT DISTINCT;

CREATE UNIQUE INDEX IF NOT EXISTS rollup_title_month_key ON etl.rollup_title_month (content_id, month);

CREATE UNIQUE INDEX IF NOT EXISTS rollup_title_country_key ON etl.rollup_title_country (country, content_id) NULLS NOT DISTINCT;

CREATE UNIQUE INDEX IF NOT EXISTS rollup_day_key ON etl.rollup_day (watch_date);

CREATE UNIQUE INDEX IF NOT EXISTS rollup_month_key ON etl.rollup_month (month);

CREATE UNIQUE INDEX IF NOT EXISTS rollup_future_key ON etl.rollup_future (user_id, content_id, watch_date);

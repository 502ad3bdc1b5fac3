CREATE TABLE processed.users (
    user_id                text PRIMARY KEY,
    age                    smallint CHECK (age BETWEEN 0 AND 120),
    country                text,
    subscription_type      text,
    registration_date      date CHECK (registration_date BETWEEN '1900-01-01' AND '2100-12-31'),
    total_watch_time_hours numeric(10,2) CHECK (total_watch_time_hours >= 0)
);

COMMENT ON TABLE processed.users IS 'Grain: one row for each user.';
COMMENT ON COLUMN processed.users.user_id IS 'Natural key of the user.';
COMMENT ON COLUMN processed.users.age IS 'Age in years.';
COMMENT ON COLUMN processed.users.country IS 'Country of residence.';
COMMENT ON COLUMN processed.users.subscription_type IS 'Plan of the user.';
COMMENT ON COLUMN processed.users.registration_date IS 'Date of registration.';
COMMENT ON COLUMN processed.users.total_watch_time_hours IS 'Lifetime watch time in hours, as the source counts it.';

-- severity: warn
-- description: A user registers on a day that has begun nowhere on earth (UTC+14).
-- judges: rows by day
SELECT user_id, registration_date
FROM processed.users
WHERE registration_date > (now() AT TIME ZONE 'UTC' + interval '14 hours')::date

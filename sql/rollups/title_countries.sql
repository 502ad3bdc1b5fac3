-- Titles by country of the users. A table of its own comes first: that is filled in parallel.
CREATE TEMP TABLE new_title_countries ON COMMIT DROP AS
SELECT
    u.country, s.content_id,
    {sign_sum} AS sessions,
    coalesce(sum({sign}s.watch_duration_minutes), 0) AS minutes
FROM {sessions} AS s
INNER JOIN processed.users AS u USING (user_id)
GROUP BY u.country, s.content_id;

INSERT INTO etl.rollup_title_countries SELECT * FROM new_title_countries;

CREATE MATERIALIZED VIEW trusted.country_engagement AS
SELECT
    etl.label(u.country) AS country,
    count(*) AS users,
    count(v.user_id) AS active_users,
    coalesce(sum(v.sessions), 0)::bigint AS sessions,
    round(coalesce(sum(v.minutes), 0) / 60, 2) AS watch_hours,
    round(sum(v.completion_hundredths) / 100 / nullif(sum(v.completions), 0), 2) AS avg_completion
FROM processed.users AS u
LEFT JOIN etl.rollup_users AS v USING (user_id)
GROUP BY u.country;

CREATE UNIQUE INDEX country_engagement_key ON trusted.country_engagement (country) NULLS NOT DISTINCT;

COMMENT ON MATERIALIZED VIEW trusted.country_engagement IS
    'Users and viewing by country. Grain: one row for each country; users without one are a group of their own. '
    'Example: SELECT country, watch_hours / nullif(active_users, 0) AS hours_per_active_user FROM '
    'trusted.country_engagement ORDER BY 2 DESC NULLS LAST';
COMMENT ON COLUMN trusted.country_engagement.country IS 'Country of the users; null if unknown.';

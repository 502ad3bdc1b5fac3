CREATE VIEW trusted.country_engagement AS
SELECT
    a.country,
    sum(a.users)::bigint AS users,
    sum(a.active_users)::bigint AS active_users,
    sum(a.sessions)::bigint AS sessions,
    round(sum(a.minutes) / 60, 2) AS watch_hours,
    round(sum(a.completion_hundredths) / 100 / nullif(sum(a.completions), 0), 2) AS avg_completion
FROM etl.rollup_audience AS a
GROUP BY a.country
HAVING sum(a.users) > 0;

COMMENT ON VIEW trusted.country_engagement IS
    'Users and viewing by country. Grain: one row for each country; users without one are a group of their own. '
    'Example: SELECT country, watch_hours / nullif(active_users, 0) AS hours_per_active_user FROM '
    'trusted.country_engagement ORDER BY 2 DESC NULLS LAST';
COMMENT ON COLUMN trusted.country_engagement.country IS 'Country of the users; null if unknown.';

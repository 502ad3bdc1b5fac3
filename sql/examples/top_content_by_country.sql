-- Which titles lead in each country, and how much of the country's viewing is theirs?
-- Read: share is in percent of all hours watched in that country; the three first of each.
SELECT
    t.country,
    t.rank,
    t.title,
    t.watch_hours,
    round(100 * t.watch_hours / nullif(c.watch_hours, 0), 2) AS share
FROM trusted.top_content_by_country AS t
INNER JOIN trusted.country_engagement AS c ON t.country IS NOT DISTINCT FROM c.country
WHERE t.rank <= 3
ORDER BY t.country, t.rank;

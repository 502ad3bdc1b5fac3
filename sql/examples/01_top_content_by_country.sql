-- question: Which titles are watched most in each country?
-- shows: The three titles with the most watch hours of each country, and their share of all hours watched there.
SELECT
    t.country, t.rank, t.title, t.watch_hours,
    round(100 * t.watch_hours / nullif(c.watch_hours, 0), 2) AS percent_of_country
FROM trusted.top_content_by_country AS t
-- IS NOT DISTINCT FROM: users without a country are a group of their own.
INNER JOIN trusted.country_engagement AS c ON c.country IS NOT DISTINCT FROM t.country
WHERE t.rank <= 3
ORDER BY c.watch_hours DESC, t.country, t.rank;

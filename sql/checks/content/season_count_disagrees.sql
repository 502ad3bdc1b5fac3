-- severity: warn
-- description: The season count of a series is not the number of its rows in seasons.
SELECT d.content_id, d.season_count, count(s.season_number) AS seasons
FROM processed.series_details AS d
INNER JOIN processed.content AS c USING (content_id)
LEFT JOIN processed.seasons AS s USING (content_id)
WHERE c.removed_at IS NULL
GROUP BY d.content_id, d.season_count
HAVING d.season_count <> count(s.season_number)

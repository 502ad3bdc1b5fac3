-- severity: warn
-- description: A season with rows in episodes has another number of them than its episode count says.
SELECT s.content_id, s.season_number, s.episode_count, count(*) AS episodes
FROM processed.seasons AS s
INNER JOIN processed.episodes AS e USING (content_id, season_number)
GROUP BY s.content_id, s.season_number, s.episode_count
HAVING s.episode_count <> count(*)

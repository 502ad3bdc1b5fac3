CREATE VIEW trusted.episode_details AS
SELECT
    s.content_id, s.season_number, e.episode_number, c.title AS series_title, s.episode_count,
    e.title AS episode_title, e.duration_minutes, e.air_date
FROM processed.seasons AS s
INNER JOIN processed.content AS c USING (content_id)
LEFT JOIN processed.episodes AS e USING (content_id, season_number);

COMMENT ON VIEW trusted.episode_details IS
    'Episodes of the series. Grain: one row for each known episode, and one row, with episode_number null, for each '
    'season of which only the number of episodes is known. Example: SELECT series_title, season_number, '
    'episode_number, episode_title FROM trusted.episode_details ORDER BY content_id, season_number, episode_number '
    'LIMIT 20';
COMMENT ON COLUMN trusted.episode_details.content_id IS 'Key of the series.';
COMMENT ON COLUMN trusted.episode_details.season_number IS 'Number of the season; 0 for specials.';
COMMENT ON COLUMN trusted.episode_details.episode_number IS 'Number of the episode in its season; null where only the count is known.';
COMMENT ON COLUMN trusted.episode_details.series_title IS 'Title of the series.';
COMMENT ON COLUMN trusted.episode_details.episode_count IS
    'Number of episodes of the season; repeated in each of its rows, so do not sum it.';
COMMENT ON COLUMN trusted.episode_details.episode_title IS 'Title of the episode.';
COMMENT ON COLUMN trusted.episode_details.duration_minutes IS 'Running time of the episode in minutes.';

CREATE TABLE IF NOT EXISTS processed.series_details (
    content_id           text PRIMARY KEY,
    season_count         integer CHECK (season_count >= 0),
    avg_episode_duration numeric(6,1) CHECK (avg_episode_duration > 0),
    total_views          bigint CHECK (total_views >= 0)
);

SELECT etl.ensure_foreign_key('processed.series_details', 'content_id', 'processed.content');

COMMENT ON TABLE processed.series_details IS 'Grain: one row for each series.';
COMMENT ON COLUMN processed.series_details.content_id IS 'The series.';
COMMENT ON COLUMN processed.series_details.season_count IS 'Number of seasons.';
COMMENT ON COLUMN processed.series_details.avg_episode_duration IS 'Mean running time of an episode in minutes.';
COMMENT ON COLUMN processed.series_details.total_views IS 'Views as the catalogue counts them.';

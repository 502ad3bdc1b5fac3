CREATE TABLE processed.series_details (
    content_id           text PRIMARY KEY REFERENCES processed.content,
    season_count         integer CHECK (season_count >= 0),
    avg_episode_duration numeric(6,1) CHECK (avg_episode_duration > 0),
    total_views          bigint CHECK (total_views >= 0)
);

COMMENT ON TABLE processed.series_details IS 'Grain: one row for each series.';
COMMENT ON COLUMN processed.series_details.content_id IS 'The series.';
COMMENT ON COLUMN processed.series_details.season_count IS 'Number of seasons.';
COMMENT ON COLUMN processed.series_details.avg_episode_duration IS 'Mean running time of an episode in minutes.';
COMMENT ON COLUMN processed.series_details.total_views IS 'Views as the catalogue counts them.';

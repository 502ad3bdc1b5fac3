CREATE TABLE processed.seasons (
    content_id    text NOT NULL REFERENCES processed.content,
    season_number integer NOT NULL CHECK (season_number >= 0),
    episode_count integer NOT NULL CHECK (episode_count >= 0),
    PRIMARY KEY (content_id, season_number)
);

COMMENT ON TABLE processed.seasons IS 'Grain: one row for each season of a series.';
COMMENT ON COLUMN processed.seasons.content_id IS 'The series.';
COMMENT ON COLUMN processed.seasons.season_number IS 'Number of the season; 0 for specials.';
COMMENT ON COLUMN processed.seasons.episode_count IS 'Number of its episodes.';

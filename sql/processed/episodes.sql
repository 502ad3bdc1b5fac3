CREATE TABLE processed.episodes (
    content_id       text NOT NULL,
    season_number    integer NOT NULL,
    episode_number   integer NOT NULL CHECK (episode_number >= 0),
    title            text,
    duration_minutes integer CHECK (duration_minutes > 0),
    air_date         date CHECK (air_date BETWEEN '1900-01-01' AND '2100-12-31'),
    PRIMARY KEY (content_id, season_number, episode_number),
    FOREIGN KEY (content_id, season_number) REFERENCES processed.seasons
);

COMMENT ON TABLE processed.episodes IS 'Grain: one row for each episode of a season.';
COMMENT ON COLUMN processed.episodes.content_id IS 'The series.';
COMMENT ON COLUMN processed.episodes.season_number IS 'The season.';
COMMENT ON COLUMN processed.episodes.episode_number IS 'Number of the episode in its season.';
COMMENT ON COLUMN processed.episodes.title IS 'Title of the episode.';
COMMENT ON COLUMN processed.episodes.duration_minutes IS 'Running time in minutes.';
COMMENT ON COLUMN processed.episodes.air_date IS 'First broadcast.';

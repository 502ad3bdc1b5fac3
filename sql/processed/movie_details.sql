CREATE TABLE processed.movie_details (
    content_id       text PRIMARY KEY REFERENCES processed.content,
    duration_minutes integer CHECK (duration_minutes > 0),
    views_count      bigint CHECK (views_count >= 0)
);

COMMENT ON TABLE processed.movie_details IS 'Grain: one row for each movie.';
COMMENT ON COLUMN processed.movie_details.content_id IS 'The movie.';
COMMENT ON COLUMN processed.movie_details.duration_minutes IS 'Running time in minutes.';
COMMENT ON COLUMN processed.movie_details.views_count IS 'Views as the catalogue counts them.';

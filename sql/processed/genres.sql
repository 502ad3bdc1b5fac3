CREATE TABLE processed.genres (
    content_id text NOT NULL REFERENCES processed.content,
    genre      text NOT NULL,
    PRIMARY KEY (content_id, genre)
);

COMMENT ON TABLE processed.genres IS 'Grain: one row for each genre of a title.';
COMMENT ON COLUMN processed.genres.content_id IS 'The title.';
COMMENT ON COLUMN processed.genres.genre IS 'Genre, in its first spelling within the title.';

CREATE TABLE processed.content (
    content_id        text PRIMARY KEY,
    title             text NOT NULL,
    type              text NOT NULL CHECK (type IN ('movie', 'series')),
    release_year      smallint CHECK (release_year BETWEEN 1870 AND 2100),
    rating            numeric(3,1) CHECK (rating BETWEEN 0 AND 10),
    production_budget numeric(15,2) CHECK (production_budget >= 0),
    extra             jsonb,
    removed_at        timestamptz
);

COMMENT ON TABLE processed.content IS 'Grain: one row for each title of the catalogue.';
COMMENT ON COLUMN processed.content.content_id IS 'Natural key of the title.';
COMMENT ON COLUMN processed.content.title IS 'Title as shown.';
COMMENT ON COLUMN processed.content.type IS 'movie or series.';
COMMENT ON COLUMN processed.content.release_year IS 'Year of release.';
COMMENT ON COLUMN processed.content.rating IS 'Rating, 0 to 10.';
COMMENT ON COLUMN processed.content.production_budget IS 'Production budget in the currency of the catalogue.';
COMMENT ON COLUMN processed.content.extra IS 'Fields of the document outside the contract, as Extended JSON; null if there are none.';
COMMENT ON COLUMN processed.content.removed_at IS 'When the title was first found gone from MongoDB; null while it is there.';

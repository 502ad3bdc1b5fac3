CREATE MATERIALIZED VIEW trusted.top_content_by_country AS
WITH ranked AS (
    SELECT
        country, content_id, sessions, minutes,
        -- "C": the same winner of a tie whatever the collation of the database.
        row_number() OVER (PARTITION BY country ORDER BY minutes DESC, content_id COLLATE "C") AS rank
    FROM etl.rollup_title_country
    WHERE sessions > 0
)

SELECT
    r.country,
    r.rank::integer AS rank,
    r.content_id, c.title, r.sessions,
    round(r.minutes / 60.0, 2) AS watch_hours
FROM ranked AS r
INNER JOIN processed.content AS c USING (content_id)
WHERE r.rank <= 10;

CREATE UNIQUE INDEX top_content_by_country_key ON trusted.top_content_by_country (country, rank) NULLS NOT DISTINCT;

COMMENT ON MATERIALIZED VIEW trusted.top_content_by_country IS
    'The ten titles most watched in each country. Grain: one row for each country and rank; users without a country '
    'are a group of their own. Example: SELECT country, title, watch_hours FROM trusted.top_content_by_country WHERE '
    'rank = 1 ORDER BY country';
COMMENT ON COLUMN trusted.top_content_by_country.rank IS '1 to 10, by hours watched, then content_id.';
COMMENT ON COLUMN trusted.top_content_by_country.content_id IS 'Key of the title.';
COMMENT ON COLUMN trusted.top_content_by_country.sessions IS 'Number of sessions from that country.';
COMMENT ON COLUMN trusted.top_content_by_country.watch_hours IS 'Hours watched in that country.';

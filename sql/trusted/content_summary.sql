CREATE MATERIALIZED VIEW trusted.content_summary AS
WITH viewing AS (
    SELECT
        content_id,
        sum(sessions)::bigint AS sessions,
        sum(minutes) AS minutes,
        sum(completion_hundredths) / 100 / nullif(sum(completions), 0) AS avg_completion
    FROM etl.rollup_title_bucket
    GROUP BY content_id
),

genre_lists AS (
    SELECT content_id, array_agg(genre ORDER BY genre COLLATE "C") AS genres
    FROM processed.genres
    GROUP BY content_id
),

season_totals AS (
    SELECT content_id, sum(episode_count) AS episode_count
    FROM processed.seasons
    GROUP BY content_id
)

SELECT
    c.content_id, c.title, c.type, c.release_year, c.rating, c.production_budget,
    coalesce(g.genres, '{}') AS genres,
    m.duration_minutes, s.season_count, t.episode_count,
    coalesce(m.views_count, s.total_views) AS catalogue_views,
    coalesce(v.sessions, 0) AS sessions,
    coalesce(w.viewers, 0) AS unique_viewers,
    round(coalesce(v.minutes, 0) / 60.0, 2) AS watch_hours,
    round(v.avg_completion, 2) AS avg_completion,
    c.removed_at IS NOT NULL AS removed
FROM processed.content AS c
LEFT JOIN processed.movie_details AS m USING (content_id)
LEFT JOIN processed.series_details AS s USING (content_id)
LEFT JOIN genre_lists AS g USING (content_id)
LEFT JOIN season_totals AS t USING (content_id)
LEFT JOIN viewing AS v USING (content_id)
LEFT JOIN etl.rollup_title AS w USING (content_id);

CREATE UNIQUE INDEX content_summary_key ON trusted.content_summary (content_id);

COMMENT ON MATERIALIZED VIEW trusted.content_summary IS
    'Titles with their viewing. Grain: one row for each title, also those removed or never watched. Example: SELECT '
    'title, watch_hours FROM trusted.content_summary WHERE ''Drama'' = ANY (genres) ORDER BY watch_hours DESC LIMIT '
    '10';
COMMENT ON COLUMN trusted.content_summary.content_id IS 'Key of the title.';
COMMENT ON COLUMN trusted.content_summary.genres IS 'Genres, sorted by code point; empty if none.';
COMMENT ON COLUMN trusted.content_summary.duration_minutes IS 'Running time of a movie in minutes; null for series.';
COMMENT ON COLUMN trusted.content_summary.season_count IS 'Seasons of a series as the catalogue counts them; null for movies.';
COMMENT ON COLUMN trusted.content_summary.episode_count IS 'Episodes over all seasons; null if no season is known.';
COMMENT ON COLUMN trusted.content_summary.catalogue_views IS 'Views as the catalogue counts them.';
COMMENT ON COLUMN trusted.content_summary.removed IS 'Whether the title is gone from the catalogue.';

CREATE MATERIALIZED VIEW trusted.genre_performance AS
-- Aggregated by title first: genres multiply titles, never sessions.
WITH viewing_by_title AS (
    SELECT
        content_id,
        sum(sessions)::bigint AS sessions,
        sum(minutes)::bigint AS minutes,
        sum(completion_hundredths) / 100 AS completion,
        sum(completions)::bigint AS completions
    FROM etl.rollup_title_bucket
    GROUP BY content_id
),

genre_counts AS (
    SELECT content_id, count(*) AS genre_count
    FROM processed.genres
    GROUP BY content_id
),

titles AS (
    SELECT
        g.genre,
        coalesce(n.genre_count, 1) AS genre_count,
        c.production_budget,
        coalesce(v.sessions, 0) AS sessions,
        coalesce(v.minutes, 0) AS minutes,
        v.completion, v.completions
    FROM processed.content AS c
    LEFT JOIN processed.genres AS g USING (content_id)
    LEFT JOIN genre_counts AS n USING (content_id)
    LEFT JOIN viewing_by_title AS v USING (content_id)
)

SELECT
    genre,
    count(*) AS titles,
    sum(sessions)::bigint AS sessions,
    round(sum(sessions::numeric / genre_count), 4) AS weighted_sessions,
    round(sum(minutes) / 60, 2) AS watch_hours,
    round(sum(completion) / nullif(sum(completions), 0), 2) AS avg_completion,
    sum(production_budget) AS total_budget
FROM titles
GROUP BY genre;

CREATE UNIQUE INDEX genre_performance_key ON trusted.genre_performance (genre) NULLS NOT DISTINCT;

COMMENT ON MATERIALIZED VIEW trusted.genre_performance IS
    'Viewing by genre. A title counts in each of its genres, so only weighted_sessions adds up over rows (to the '
    'number of all sessions, but for rounding). Grain: one row for each genre, and one with genre null for the titles '
    'that have none, among them the titles removed from the catalogue. Example: SELECT genre, weighted_sessions, '
    'avg_completion FROM trusted.genre_performance ORDER BY weighted_sessions DESC';
COMMENT ON COLUMN trusted.genre_performance.genre IS 'The genre; null for titles without genres.';
COMMENT ON COLUMN trusted.genre_performance.titles IS 'Number of titles, also those never watched.';
COMMENT ON COLUMN trusted.genre_performance.sessions IS 'Number of sessions, once for each genre of the title; does not add up over rows.';
COMMENT ON COLUMN trusted.genre_performance.weighted_sessions IS
    'Number of sessions, each counted 1/n for a title of n genres, to 4 decimals; adds up to all sessions.';
COMMENT ON COLUMN trusted.genre_performance.watch_hours IS 'Hours watched, once for each genre of the title; does not add up over rows.';
COMMENT ON COLUMN trusted.genre_performance.total_budget IS
    'Sum of the known production budgets, once for each genre of the title; null if none is known.';

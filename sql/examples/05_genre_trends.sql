-- question: Which genres gain and which lose?
-- shows: Sessions by quarter and genre, each counted 1/n for a title of n genres, with the change to the quarter before.
WITH quarters AS (
    SELECT
        date_trunc('quarter', s.watch_date::timestamp)::date AS quarter,
        g.genre,
        sum(1.0 / cardinality(c.genres)) AS weighted_sessions
    FROM trusted.session_details AS s
    INNER JOIN trusted.content_summary AS c USING (content_id)
    CROSS JOIN LATERAL unnest(c.genres) AS g (genre)
    -- Sessions dated in the future are kept, but no quarter has them yet.
    WHERE s.watch_date <= (SELECT max(watch_date) FROM trusted.daily_viewing)
    GROUP BY quarter, g.genre
)

SELECT
    genre, quarter,
    round(weighted_sessions, 2) AS weighted_sessions,
    round(
        100 * (weighted_sessions / lag(weighted_sessions) OVER (PARTITION BY genre ORDER BY quarter) - 1), 2
    ) AS percent_change
FROM quarters
ORDER BY genre, quarter;

-- Which genres rise, and which fall?
-- Read: share is the genre's part of the month's sessions in percent, a session of a title of n genres counting 1/n
-- for each; change is against the last month in which the genre was watched, in
-- percentage points.
WITH weighted AS (
    SELECT
        date_trunc('month', s.watch_date::timestamp)::date AS month,
        g.genre,
        sum(1.0 / cardinality(c.genres)) AS sessions
    FROM trusted.session_details AS s
    INNER JOIN trusted.content_summary AS c USING (content_id)
    CROSS JOIN LATERAL unnest(c.genres) AS g (genre)
    GROUP BY 1, 2
),

shares AS (
    SELECT month, genre, 100 * sessions / sum(sessions) OVER (PARTITION BY month) AS share
    FROM weighted
)

SELECT
    month,
    genre,
    round(share, 2) AS share,
    round(share - lag(share) OVER (PARTITION BY genre ORDER BY month), 2) AS change
FROM shares
ORDER BY month DESC, share DESC, genre;

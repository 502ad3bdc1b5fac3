CREATE MATERIALIZED VIEW trusted.completion_distribution AS
WITH watched AS (
    SELECT c.type, t.bucket, sum(t.sessions)::bigint AS sessions
    FROM etl.rollup_title_bucket AS t
    INNER JOIN processed.content AS c USING (content_id)
    GROUP BY c.type, t.bucket
),

every_bucket AS (
    SELECT types.type, bucket
    FROM (SELECT type FROM watched GROUP BY type HAVING sum(sessions) > 0) AS types
    CROSS JOIN generate_series(0, 9) AS bucket
)

SELECT
    e.type, e.bucket,
    coalesce(w.sessions, 0) AS sessions
FROM every_bucket AS e
LEFT JOIN watched AS w USING (type, bucket);

CREATE UNIQUE INDEX completion_distribution_key ON trusted.completion_distribution (type, bucket);

COMMENT ON MATERIALIZED VIEW trusted.completion_distribution IS
    'Sessions by tens of percent of completion. Grain: one row for each type of content with a session and each of '
    'ten buckets, zeros included; sessions without completion are not counted. Example: SELECT type, bucket, '
    'round(100 * sessions / sum(sessions) OVER (PARTITION BY type), 2) AS percent FROM '
    'trusted.completion_distribution ORDER BY type, bucket';
COMMENT ON COLUMN trusted.completion_distribution.bucket IS 'Tens of percent: 0 is from 0 to below 10, 9 is from 90 to 100.';

CREATE MATERIALIZED VIEW trusted.completion_distribution AS
-- Aggregated by title first, so that the join sees titles instead of sessions.
WITH buckets_by_title AS (
    SELECT
        content_id,
        CASE WHEN completion_percentage = 100 THEN 9 ELSE trunc(completion_percentage / 10)::integer END AS bucket,
        count(*) AS sessions
    FROM processed.viewing_sessions
    GROUP BY 1, 2
),

watched AS (
    SELECT c.type, b.bucket, b.sessions
    FROM buckets_by_title AS b
    INNER JOIN processed.content AS c USING (content_id)
),

every_bucket AS (
    SELECT types.type, bucket
    FROM (SELECT DISTINCT type FROM watched) AS types
    CROSS JOIN generate_series(0, 9) AS bucket
)

SELECT
    e.type,
    e.bucket,
    coalesce(sum(w.sessions), 0)::bigint AS sessions
FROM every_bucket AS e
LEFT JOIN watched AS w USING (type, bucket)
GROUP BY e.type, e.bucket;

CREATE UNIQUE INDEX completion_distribution_key ON trusted.completion_distribution (type, bucket);

COMMENT ON MATERIALIZED VIEW trusted.completion_distribution IS
    'Sessions by tens of percent of completion. Grain: one row for each type of content with a session and each '
    'of ten buckets, zeros included; sessions without completion are not counted.';
COMMENT ON COLUMN trusted.completion_distribution.type IS 'movie or series.';
COMMENT ON COLUMN trusted.completion_distribution.bucket IS
    'Tens of percent: 0 is from 0 to below 10, 9 is from 90 to 100.';
COMMENT ON COLUMN trusted.completion_distribution.sessions IS 'Number of sessions.';

CREATE MATERIALIZED VIEW trusted.completion_by_content_type AS
-- Aggregated by title first, so that the join sees titles instead of sessions.
WITH viewing_by_title AS (
    SELECT
        content_id,
        count(*) AS sessions,
        sum(watch_duration_minutes) AS minutes,
        count(watch_duration_minutes) AS durations,
        sum(completion_percentage) AS completion,
        count(completion_percentage) AS completions
    FROM processed.viewing_sessions
    GROUP BY content_id
)

SELECT
    c.type,
    sum(v.sessions)::bigint AS sessions,
    round(sum(v.completion) / nullif(sum(v.completions), 0), 2) AS avg_completion,
    round(sum(v.minutes) / nullif(sum(v.durations), 0), 2) AS avg_duration_minutes
FROM viewing_by_title AS v
INNER JOIN processed.content AS c USING (content_id)
GROUP BY c.type;

CREATE UNIQUE INDEX completion_by_content_type_key ON trusted.completion_by_content_type (type);

COMMENT ON MATERIALIZED VIEW trusted.completion_by_content_type IS
    'How far movies and series are watched. Grain: one row for each type of content with a session.';
COMMENT ON COLUMN trusted.completion_by_content_type.type IS 'movie or series.';
COMMENT ON COLUMN trusted.completion_by_content_type.sessions IS 'Number of sessions.';
COMMENT ON COLUMN trusted.completion_by_content_type.avg_completion IS
    'Mean completion in percent over sessions that have one; null if none has.';
COMMENT ON COLUMN trusted.completion_by_content_type.avg_duration_minutes IS
    'Mean minutes over sessions that have a duration; null if none has.';

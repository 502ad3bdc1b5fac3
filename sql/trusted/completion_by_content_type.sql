CREATE MATERIALIZED VIEW trusted.completion_by_content_type AS
SELECT
    c.type,
    sum(t.sessions)::bigint AS sessions,
    round(sum(t.completion_hundredths) / 100 / nullif(sum(t.completions), 0), 2) AS avg_completion,
    round(sum(t.minutes) / nullif(sum(t.durations), 0), 2) AS avg_duration_minutes
FROM etl.rollup_title_bucket AS t
INNER JOIN processed.content AS c USING (content_id)
GROUP BY c.type
HAVING sum(t.sessions) > 0;

CREATE UNIQUE INDEX completion_by_content_type_key ON trusted.completion_by_content_type (type);

COMMENT ON MATERIALIZED VIEW trusted.completion_by_content_type IS
    'How far movies and series are watched. Grain: one row for each type of content with a session. Example: SELECT '
    'type, avg_completion FROM trusted.completion_by_content_type ORDER BY type';

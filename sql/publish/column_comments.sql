-- What a column of trusted means, where its view does not say it: what the column of its name means in all that the
-- view reads, or else what a measure of this name is.
WITH inherited AS (
    SELECT reads.view, source.attname, min(col_description(source.attrelid, source.attnum)) AS comment
    FROM etl.view_reads AS reads
    INNER JOIN pg_attribute AS source ON source.attrelid = reads.source AND source.attnum > 0
    GROUP BY reads.view, source.attname
    HAVING count(DISTINCT col_description(source.attrelid, source.attnum)) = 1
),

measures (attname, comment) AS (
    VALUES
    ('users', 'Number of users.'),
    ('active_users', 'Number of users with a session.'),
    ('unique_viewers', 'Number of different users with a session.'),
    ('sessions', 'Number of sessions.'),
    ('watch_hours', 'Hours watched.'),
    ('avg_duration_minutes', 'Mean minutes over sessions that have a duration; null if none has.'),
    ('avg_completion', 'Mean completion in percent over sessions that have one; null if none has.')
)

SELECT view.relname AS view_name, columns.attname AS column_name, coalesce(inherited.comment, measures.comment) AS comment
FROM pg_class AS view
INNER JOIN pg_attribute AS columns ON columns.attrelid = view.oid AND columns.attnum > 0
LEFT JOIN inherited ON inherited.view = view.oid AND inherited.attname = columns.attname
LEFT JOIN measures ON measures.attname = columns.attname
WHERE view.relnamespace = 'trusted'::regnamespace
    AND view.relkind IN ('v', 'm')
    AND coalesce(inherited.comment, measures.comment) IS DISTINCT FROM col_description(view.oid, columns.attnum)

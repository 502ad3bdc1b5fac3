CREATE VIEW trusted.lineage AS
WITH markers AS (
    SELECT
        substring(u.update_id FROM '^\w+') AS made_by,
        u.target_table, u.holds,
        u.inputs ->> 'content' IS NOT NULL AS is_of_file,
        b.source,
        (b.details ->> 'extraction')::bigint AS extraction,
        u.inserted AS loaded,
        coalesce(u.inputs ->> 'content', u.fingerprint) AS fingerprint,
        u.batch_id
    FROM etl.table_updates AS u
    LEFT JOIN etl.batches AS b USING (batch_id)
),

relations AS (
    SELECT oid, relname, relnamespace::regnamespace::text AS schema, relnamespace::regnamespace || '.' || relname AS object
    FROM pg_class
    WHERE relkind IN ('r', 'v', 'm')
),

csv_tables AS (
    SELECT t.* FROM relations AS t INNER JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attname = '_batch_id'
    WHERE t.schema = 'processed'
),

-- A table of CSV files is made from the raw table of its name and the tables it refers to, any other from an extraction.
table_reads AS (
    SELECT t.object, r.object AS made_from
    FROM csv_tables AS t
    INNER JOIN relations AS r ON r.schema = 'raw' AND r.relname = t.relname
    UNION ALL
    SELECT t.object, p.object AS made_from
    FROM csv_tables AS t
    INNER JOIN pg_constraint AS c ON c.conrelid = t.oid AND c.contype = 'f'
    INNER JOIN relations AS p ON p.oid = c.confrelid
    UNION ALL
    SELECT m.object, e.target_table AS made_from
    FROM (SELECT extraction, jsonb_object_keys(holds) AS object FROM markers) AS m
    INNER JOIN markers AS e ON e.batch_id = m.extraction
),

-- What is published reads what its views read, and the sums of sessions what their trigger notes.
published_reads AS (
    SELECT v.object, 'view' AS kind, r.object AS made_from
    FROM relations AS v
    INNER JOIN etl.view_reads AS reads ON reads.view = v.oid
    INNER JOIN relations AS r ON r.oid = reads.source
    WHERE v.schema = 'trusted' AND r.schema IN ('etl', 'processed', 'trusted')
    UNION ALL
    SELECT s.object, 'table' AS kind, t.object AS made_from
    FROM relations AS s
    INNER JOIN (SELECT DISTINCT tgrelid FROM pg_trigger WHERE tgname = 'log_inserted') AS noted ON true
    INNER JOIN relations AS t ON t.oid = noted.tgrelid
    WHERE s.schema = 'etl' AND s.relname LIKE 'rollup\_%' AND s.relname <> 'rollup_state'
)

SELECT source AS object, 'file' AS kind, NULL AS made_from, made_by, loaded, fingerprint, batch_id
FROM markers
WHERE is_of_file
UNION ALL
SELECT
    target_table,
    CASE WHEN target_table = 'MongoDB' THEN 'collections' ELSE 'table' END,
    source, made_by, loaded, fingerprint, batch_id
FROM markers
WHERE is_of_file
UNION ALL
SELECT e.target_table, 'extraction', 'MongoDB', e.made_by, e.loaded, e.fingerprint, e.batch_id
FROM markers AS m
INNER JOIN markers AS e ON e.batch_id = m.extraction
UNION ALL
SELECT r.object, 'table', r.made_from, m.made_by, m.loaded, m.fingerprint, m.batch_id
FROM table_reads AS r
LEFT JOIN markers AS m ON m.holds ? r.object
UNION ALL
SELECT r.object, r.kind, r.made_from, m.made_by, m.loaded, m.fingerprint, m.batch_id
FROM published_reads AS r
LEFT JOIN markers AS m ON m.target_table = 'trusted';

COMMENT ON VIEW trusted.lineage IS
    'What every view, table and file is made from, and what is loaded in it now. Grain: one row for each object and '
    'each thing it is made from; a file is made from nothing and has one row. Example: WITH RECURSIVE above AS '
    '(SELECT object, made_from FROM trusted.lineage WHERE object = ''trusted.genre_performance'' UNION SELECT '
    'l.object, l.made_from FROM trusted.lineage AS l INNER JOIN above ON l.object = above.made_from) SELECT DISTINCT '
    'made_from FROM above WHERE made_from IS NOT NULL ORDER BY 1';
COMMENT ON COLUMN trusted.lineage.object IS
    'View or table with its schema; MongoDB for its collections movies and series; a folder of extracted files; or a '
    'file, relative to the raw folder.';
COMMENT ON COLUMN trusted.lineage.kind IS 'view, table, extraction, collections or file.';
COMMENT ON COLUMN trusted.lineage.made_from IS 'What it is made from, named as in object; null for a file.';
COMMENT ON COLUMN trusted.lineage.made_by IS 'Luigi task that loads it.';
COMMENT ON COLUMN trusted.lineage.loaded IS 'When the load that is in place now committed; for a raw table, that of this file.';
COMMENT ON COLUMN trusted.lineage.fingerprint IS
    'Hash over all inputs of that load; of a file, and of what it brought, the hash of its content.';
COMMENT ON COLUMN trusted.lineage.batch_id IS 'Its batch in load_history.';

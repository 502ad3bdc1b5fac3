CREATE VIEW trusted.lineage AS
WITH markers AS (
    SELECT
        u.update_id,
        u.target_table,
        u.run_date,
        b.source,
        u.inserted AS loaded,
        coalesce(u.inputs ->> 'content', u.fingerprint) AS fingerprint,
        u.batch_id
    FROM etl.table_updates AS u
    LEFT JOIN etl.batches AS b USING (batch_id)
),

files AS (
    SELECT
        source AS object,
        'file' AS kind,
        NULL AS made_from,
        split_part(update_id, ':', 1) AS made_by,
        loaded,
        fingerprint,
        batch_id,
        target_table
    FROM markers
    WHERE split_part(update_id, ':', 1) IN ('LoadCsvToPostgres', 'LoadJsonToMongo')
),

landed AS (
    SELECT
        target_table AS object,
        CASE WHEN target_table = 'MongoDB' THEN 'collections' ELSE 'table' END AS kind,
        object AS made_from,
        made_by,
        loaded,
        fingerprint,
        batch_id
    FROM files
),

-- The extraction that the catalogue was loaded from.
extraction AS (
    SELECT e.target_table AS object, e.loaded, e.fingerprint, e.batch_id
    FROM markers AS c
    INNER JOIN markers AS e ON e.run_date = c.run_date AND e.update_id LIKE 'ExtractMongoToCsv %'
    WHERE c.update_id = 'LoadNormalizedJsonsToPostgres'
    ORDER BY e.loaded DESC
    LIMIT 1
),

-- What each load reads; the views tell for themselves.
loads (object, made_from, made_by) AS (
    SELECT 'processed.' || name, (SELECT object FROM extraction), 'LoadNormalizedJsonsToPostgres'
    FROM unnest(
        ARRAY['content', 'movie_details', 'series_details', 'genres', 'seasons', 'episodes']
    ) AS catalogue (name)
    UNION ALL
    VALUES
        ('processed.users', 'raw.users', 'LoadUsers'),
        ('processed.viewing_sessions', 'raw.viewing_sessions', 'LoadViewingSessions'),
        ('processed.viewing_sessions', 'processed.users', 'LoadViewingSessions'),
        ('processed.viewing_sessions', 'processed.content', 'LoadViewingSessions')
    UNION ALL
    SELECT 'etl.' || relname, 'processed.viewing_sessions', 'PublishTrusted'
    FROM pg_class
    WHERE relnamespace = 'etl'::regnamespace AND relkind = 'r' AND relname LIKE 'rollup\_%' AND relname <> 'rollup_state'
),

view_reads AS (
    SELECT DISTINCT
        'trusted.' || v.relname AS object,
        t.relnamespace::regnamespace::text || '.' || t.relname AS made_from
    FROM pg_class AS v
    INNER JOIN pg_rewrite AS r ON r.ev_class = v.oid
    INNER JOIN pg_depend AS d
        ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
    INNER JOIN pg_class AS t ON t.oid = d.refobjid AND t.oid <> v.oid
    WHERE v.relnamespace = 'trusted'::regnamespace AND v.relkind IN ('v', 'm')
        AND t.relnamespace IN ('etl'::regnamespace, 'processed'::regnamespace, 'trusted'::regnamespace)
)

SELECT object, kind, made_from, made_by, loaded, fingerprint, batch_id FROM files
UNION ALL
SELECT object, kind, made_from, made_by, loaded, fingerprint, batch_id FROM landed
UNION ALL
SELECT object, 'extraction', 'MongoDB', 'ExtractMongoToCsv', loaded, fingerprint, batch_id FROM extraction
UNION ALL
SELECT l.object, 'table', l.made_from, l.made_by, m.loaded, m.fingerprint, m.batch_id
FROM loads AS l
LEFT JOIN markers AS m ON m.update_id = l.made_by
UNION ALL
SELECT v.object, 'view', v.made_from, 'PublishTrusted', m.loaded, m.fingerprint, m.batch_id
FROM view_reads AS v
LEFT JOIN markers AS m ON m.update_id = 'PublishTrusted';

COMMENT ON VIEW trusted.lineage IS
    'What every view, table and file is made from, and what is loaded in it now. Grain: one row for each object '
    'and each thing it is made from; a file is made from nothing and has one row. '
    'Example: WITH RECURSIVE above AS (SELECT object, made_from FROM trusted.lineage WHERE object = '
    '''trusted.genre_performance'' UNION SELECT l.object, l.made_from FROM trusted.lineage AS l INNER JOIN above '
    'ON l.object = above.made_from) SELECT DISTINCT made_from FROM above WHERE made_from IS NOT NULL ORDER BY 1';
COMMENT ON COLUMN trusted.lineage.object IS
    'View or table with its schema; MongoDB for its collections movies and series; a folder of extracted files; or a '
    'file, relative to the raw folder.';
COMMENT ON COLUMN trusted.lineage.kind IS 'view, table, extraction, collections or file.';
COMMENT ON COLUMN trusted.lineage.made_from IS 'What it is made from, named as in object; null for a file.';
COMMENT ON COLUMN trusted.lineage.made_by IS 'Luigi task that loads it.';
COMMENT ON COLUMN trusted.lineage.loaded IS
    'When the load that is in place now committed; for a raw table, that of this file.';
COMMENT ON COLUMN trusted.lineage.fingerprint IS
    'Hash over all inputs of that load; of a file, and of what it brought, the hash of its content.';
COMMENT ON COLUMN trusted.lineage.batch_id IS 'Its batch in load_history.';

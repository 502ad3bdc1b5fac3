CREATE VIEW trusted.schema_drift AS
WITH drifts AS (
    SELECT
        d.entry ->> 'collection' AS collection,
        d.entry ->> 'kind' AS kind,
        d.entry ->> 'path' AS path,
        d.entry ->> 'example' AS example,
        b.source, b.batch_id, b.finished
    FROM etl.batches AS b
    CROSS JOIN jsonb_array_elements(b.details -> 'drift') AS d (entry)
    WHERE b.status = 'loaded' AND b.details ? 'drift'
)

SELECT
    collection, kind, path,
    (array_agg(example ORDER BY batch_id DESC) FILTER (WHERE example IS NOT NULL))[1] AS example,
    count(*) AS batches,
    (array_agg(source ORDER BY batch_id DESC))[1] AS last_source,
    max(batch_id) AS last_batch_id,
    min(finished) AS first_seen,
    max(finished) AS last_seen
FROM drifts
GROUP BY collection, kind, path;

COMMENT ON VIEW trusted.schema_drift IS
    'What the sources hold that was not declared, hold in another form, or no longer hold. Nothing of it stops a '
    'load. Grain: one row for each collection, kind and path, however often it was seen. Example: SELECT collection, '
    'kind, path, example FROM trusted.schema_drift ORDER BY last_seen DESC';
COMMENT ON COLUMN trusted.schema_drift.collection IS 'MongoDB collection, raw table with its schema, or JSON file.';
COMMENT ON COLUMN trusted.schema_drift.kind IS
    'What happened: such as new field, new column, type changed, vanished field, vanished column, unknown collection.';
COMMENT ON COLUMN trusted.schema_drift.path IS 'The column, or the path of the field in its document.';
COMMENT ON COLUMN trusted.schema_drift.example IS 'A value, shortened; null if there is none to show.';
COMMENT ON COLUMN trusted.schema_drift.batches IS 'Number of loads that saw it.';
COMMENT ON COLUMN trusted.schema_drift.last_source IS 'File or load that saw it last.';
COMMENT ON COLUMN trusted.schema_drift.last_batch_id IS 'The batch in load_history that saw it last.';
COMMENT ON COLUMN trusted.schema_drift.first_seen IS 'When it was seen first.';
COMMENT ON COLUMN trusted.schema_drift.last_seen IS 'When it was seen last.';

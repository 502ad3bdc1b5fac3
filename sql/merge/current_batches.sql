-- The batches that are landed, in the order in which records of one key beat each other.
CREATE TEMP TABLE current_batches ON COMMIT DROP AS
SELECT
    updates.batch_id, batches.source,
    -- Of the records of one key, the last by file name wins. Rejected records that come back corrected stand in the
    -- place of the file they came with, just before it: so they beat what was older, and a newer delivery beats them.
    row_number() OVER (
        ORDER BY
            coalesce(batches.details ->> 'corrects', batches.source) COLLATE "C",
            NOT batches.details ? 'corrects',
            length(batches.source),
            batches.source COLLATE "C"
    ) AS source_rank
FROM etl.table_updates AS updates
INNER JOIN etl.batches AS batches ON batches.batch_id = updates.batch_id
WHERE updates.target_table = %(raw)s;

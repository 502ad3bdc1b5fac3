-- Decides which candidate stands for its key in {target}, waits, or is superseded. Every valid raw row of a present
-- batch ends in exactly one place: the table, or etl.held_rows.

INSERT INTO candidates
SELECT {columns}, _batch_id, _row
FROM stg_reconsidered;

CREATE TEMP TABLE duplicates ON COMMIT DROP AS
WITH contenders AS (
    SELECT {key}, _batch_id, _row FROM candidates
    UNION ALL
    SELECT {key_target}, target._batch_id, target._row
    FROM (SELECT DISTINCT {key} FROM candidates) AS affected
    CROSS JOIN LATERAL (
        SELECT {key}, _batch_id, _row FROM {target} AS one WHERE ({key_one}) = ({key_affected}) {by_key}
    ) AS target
    WHERE target._batch_id NOT IN (SELECT batch_id FROM withdrawn_batches)
        AND NOT EXISTS (SELECT FROM edited WHERE edited.batch_id = target._batch_id AND edited._row = target._row)
),

repeated AS (
    SELECT {key} FROM contenders GROUP BY {key} HAVING count(*) > 1
)

SELECT
    {key},
    _batch_id, _row,
    row_number() OVER (PARTITION BY {key} ORDER BY _rank DESC, _row DESC) = 1 AS _wins
FROM contenders
INNER JOIN repeated USING ({key})
INNER JOIN current_batches AS batches (_batch_id, _source, _rank) USING (_batch_id);

ANALYZE duplicates;

CREATE TEMP TABLE winners ON COMMIT DROP AS
SELECT staged.*, {waits_for} AS _waits_for, {parent_key} AS _parent_key
FROM candidates AS staged
{parent_joins}
WHERE NOT EXISTS (
    SELECT FROM duplicates AS loser
    WHERE loser._batch_id = staged._batch_id AND loser._row = staged._row AND NOT loser._wins
);

ANALYZE winners ({key});

DELETE FROM etl.held_rows AS held
USING reconsidered
WHERE held.batch_id = reconsidered.batch_id AND held._row = reconsidered._row;

INSERT INTO etl.held_rows (table_name, batch_id, _row, key, status)
SELECT {name}, _batch_id, _row, {key_text}, 'superseded'
FROM duplicates AS staged
WHERE NOT _wins
ON CONFLICT (batch_id, _row) DO NOTHING;

INSERT INTO etl.held_rows (table_name, batch_id, _row, key, status, waits_for, parent_key)
SELECT {name}, _batch_id, _row, {key_text}, 'waiting', _waits_for, _parent_key
FROM winners AS staged
WHERE _waits_for IS NOT NULL;

-- Keys that lose their row and get no other: rows that leave, and superseded ones, each found by an index.
CREATE TEMP TABLE deleted_keys ON COMMIT DROP AS
WITH affected AS (
    SELECT {key} FROM leaving
    UNION
    SELECT {key_target}
    FROM duplicates AS affected
    CROSS JOIN LATERAL (
        SELECT * FROM {target} AS one
        WHERE ({key_one}, one._batch_id, one._row) = ({key_affected}, affected._batch_id, affected._row) {by_key}
    ) AS target
    WHERE NOT affected._wins
)

SELECT {key} FROM affected
WHERE NOT EXISTS (SELECT FROM winners WHERE ({key_winners}) = ({key_affected}) AND winners._waits_for IS NULL);

ANALYZE deleted_keys;

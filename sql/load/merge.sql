-- Brings processed.{table} from the batches merged so far to the present ones. Every valid raw row of a
-- present batch ends in exactly one place: processed, or etl.held_rows (superseded or waiting).

INSERT INTO candidates
SELECT {typed_columns}, typed._batch_id, typed._row
FROM typed_again AS typed;

CREATE TEMP TABLE contested ON COMMIT DROP AS
WITH contenders AS (
    SELECT {key} AS key, _batch_id, _row FROM candidates
    UNION ALL
    SELECT incumbent.{key}, incumbent._batch_id, incumbent._row
    FROM processed.{table} AS incumbent
    WHERE incumbent.{key} IN (SELECT {key} FROM candidates)
        AND incumbent._batch_id NOT IN (SELECT batch_id FROM removed_batches)
),

repeated AS (
    SELECT key FROM contenders GROUP BY key HAVING count(*) > 1
)

SELECT
    contenders.key,
    contenders._batch_id,
    contenders._row,
    row_number() OVER (
        PARTITION BY contenders.key ORDER BY batches.source_rank DESC, contenders._row DESC
    ) = 1 AS wins
FROM contenders
INNER JOIN repeated ON repeated.key = contenders.key
INNER JOIN current_batches AS batches ON batches.batch_id = contenders._batch_id;

ANALYZE contested;

CREATE TEMP TABLE winners ON COMMIT DROP AS
SELECT typed.*, {waits} AS waits
FROM candidates AS typed
LEFT JOIN contested AS loser
    ON loser._batch_id = typed._batch_id AND loser._row = typed._row AND NOT loser.wins
{typed_parents}
WHERE loser.key IS NULL;

ANALYZE winners ({key});

DELETE FROM etl.held_rows AS held
USING candidates
WHERE held.batch_id = candidates._batch_id AND held._row = candidates._row;

INSERT INTO etl.held_rows (table_name, batch_id, _row, key, status)
SELECT {name}, _batch_id, _row, key, 'superseded'
FROM contested
WHERE NOT wins
ON CONFLICT (batch_id, _row) DO NOTHING;

INSERT INTO etl.held_rows (table_name, batch_id, _row, key, status, user_id, content_id)
SELECT {name}, winners._batch_id, winners._row, winners.{key}, 'waiting', {references}
FROM winners
WHERE winners.waits;

-- Two ways to go, each found by an index.
CREATE TEMP TABLE gone ON COMMIT DROP AS
SELECT target.{key}
FROM (
    SELECT removed_row.{key}
    FROM processed.{table} AS removed_row
    WHERE removed_row._batch_id IN (SELECT batch_id FROM removed_batches)
    UNION
    SELECT beaten.{key}
    FROM processed.{table} AS beaten
    INNER JOIN contested
        ON contested.key = beaten.{key} AND contested._batch_id = beaten._batch_id AND contested._row = beaten._row
    WHERE NOT contested.wins
) AS target
WHERE NOT EXISTS (SELECT FROM winners WHERE winners.{key} = target.{key} AND NOT winners.waits);

ANALYZE gone;

{before_delete}

DELETE FROM processed.{table} AS target
USING gone
WHERE target.{key} = gone.{key};

INSERT INTO processed.{table} AS target ({columns}, _batch_id, _row)
SELECT {columns}, _batch_id, _row
FROM winners
WHERE NOT waits
ON CONFLICT ({key}) DO UPDATE SET ({columns}, _batch_id, _row) = ROW ({excluded}, excluded._batch_id, excluded._row)
WHERE ({target}, target._batch_id, target._row) IS DISTINCT FROM ({excluded}, excluded._batch_id, excluded._row);

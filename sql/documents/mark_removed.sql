-- Rows whose document left stay, since others may refer to them; those whose document returned are back.
UPDATE {table} AS target
SET removed_at = now()
WHERE target.removed_at IS NULL
    AND NOT EXISTS (SELECT FROM {staged} AS staged WHERE ({key_staged}) = ({key_target}));

UPDATE {table} AS target
SET removed_at = NULL
FROM {staged} AS staged
WHERE ({key_staged}) = ({key_target}) AND target.removed_at IS NOT NULL;

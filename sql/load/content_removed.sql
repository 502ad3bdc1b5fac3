-- Titles that left MongoDB keep their row, since sessions refer to it; titles that returned are back.
UPDATE processed.content AS target
SET removed_at = now()
WHERE target.removed_at IS NULL
    AND NOT EXISTS (SELECT FROM staged_content AS staged WHERE staged.content_id = target.content_id);

UPDATE processed.content AS target
SET removed_at = NULL
FROM staged_content AS staged
WHERE staged.content_id = target.content_id AND target.removed_at IS NOT NULL;

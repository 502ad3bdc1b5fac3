-- severity: error
-- description: A series of the catalogue has no row in series_details.
SELECT c.content_id, c.title
FROM processed.content AS c
WHERE c.type = 'series'
    AND c.removed_at IS NULL
    AND NOT EXISTS (SELECT FROM processed.series_details AS s WHERE s.content_id = c.content_id)

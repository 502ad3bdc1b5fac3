-- severity: error
-- description: A movie of the catalogue has no row in movie_details.
SELECT c.content_id, c.title
FROM processed.content AS c
WHERE c.type = 'movie'
    AND c.removed_at IS NULL
    AND NOT EXISTS (SELECT FROM processed.movie_details AS m WHERE m.content_id = c.content_id)

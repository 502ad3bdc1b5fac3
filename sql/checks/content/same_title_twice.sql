-- severity: warn
-- description: Titles of the catalogue share title, type and release year under different ids.
SELECT content_id, title, type, release_year
FROM (
    SELECT
        content_id, title, type, release_year,
        count(*) OVER (PARTITION BY lower(title), type, release_year) AS copies
    FROM processed.content
    WHERE removed_at IS NULL
) AS titles
WHERE copies > 1

-- severity: warn
-- description: A title of the catalogue is to be released after this year.
SELECT content_id, title, release_year
FROM processed.content
WHERE removed_at IS NULL AND release_year > extract(year FROM current_date)

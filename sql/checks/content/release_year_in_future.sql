-- severity: warn
-- description: A title of the catalogue is to be released after the year of the run.
SELECT content_id, title, release_year
FROM processed.content
WHERE removed_at IS NULL AND release_year > (SELECT extract(year FROM current_setting('pipeline.run_day')::date))

-- severity: error
-- description: A movie has details or seasons of a series, or a series has details of a movie.
SELECT c.content_id, c.type, d.table_name
FROM processed.content AS c
INNER JOIN (
    SELECT content_id, 'series' AS type, 'movie_details' AS table_name FROM processed.movie_details
    UNION ALL
    SELECT content_id, 'movie', 'series_details' FROM processed.series_details
    UNION ALL
    SELECT DISTINCT content_id, 'movie', 'seasons' FROM processed.seasons
) AS d USING (content_id, type)

-- Rows of {incoming} that cannot be typed. What is wrong with a column that comes from the enclosing row is told there,
-- if it is wrong there too; the path of a row of a list of documents ends with a dot, that of a single value is whole.
INSERT INTO document_problems (_document, _path, value, reason)
SELECT
    typed._document,
    CASE
        WHEN typed._path = '' OR right(typed._path, 1) = '.' THEN typed._path || (found.problem ->> 'column')
        ELSE typed._path
    END,
    found.problem ->> 'value',
    CASE
        WHEN found.problem ->> 'value' IS NULL THEN typed._path || (found.problem ->> 'reason')
        ELSE found.problem ->> 'reason'
    END
FROM {view} AS typed
CROSS JOIN jsonb_array_elements(typed.problems) AS found (problem)
WHERE NOT typed.valid
    AND (
        found.problem ->> 'column' <> ALL ({inherited})
        OR NOT EXISTS (SELECT FROM document_problems AS known WHERE known._document = typed._document)
    )
ORDER BY typed._document, length(typed._path), typed._path;

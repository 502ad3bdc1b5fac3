-- Rows with the key of another one: the first keeps it, the documents of the others are rejected.
INSERT INTO document_problems (_document, _path, value, reason)
SELECT
    _document,
    CASE WHEN _path = '' OR right(_path, 1) = '.' THEN _path || {last_of_key} ELSE _path END,
    {last_value}::text,
    CASE
        WHEN _document = first_document THEN 'occurs twice'
        ELSE 'used by a document of ' || (
            SELECT collection FROM document_collections WHERE first_number <= first_document
            ORDER BY first_number DESC LIMIT 1
        ) || ' already'
    END
FROM (
    SELECT
        *,
        row_number() OVER same AS place_of_key,
        first_value(_document) OVER same AS first_document
    FROM {staged}
    WINDOW same AS (PARTITION BY {key} ORDER BY _document, length(_path), _path)
) AS keyed
WHERE place_of_key > 1
ORDER BY _document, length(_path), _path;

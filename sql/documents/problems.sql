-- What is wrong with documents, found as they were flattened or as their rows are typed. Several rows for a document.
CREATE TEMP TABLE document_problems (
    _document bigint NOT NULL,
    _path     text NOT NULL,
    value     text,
    reason    text NOT NULL,
    place     bigint GENERATED ALWAYS AS IDENTITY
) ON COMMIT DROP;

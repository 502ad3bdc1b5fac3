CREATE OR REPLACE VIEW etl.view_reads AS
SELECT DISTINCT rule.ev_class AS view, depend.refobjid AS source
FROM pg_depend AS depend
INNER JOIN pg_rewrite AS rule ON rule.oid = depend.objid
WHERE depend.classid = 'pg_rewrite'::regclass
    AND depend.refclassid = 'pg_class'::regclass
    AND depend.refobjid <> rule.ev_class;

COMMENT ON VIEW etl.view_reads IS 'Which tables and views a view reads. Grain: one row for each pair.';
COMMENT ON COLUMN etl.view_reads.view IS 'The view, as its oid.';
COMMENT ON COLUMN etl.view_reads.source IS 'What it reads, as its oid.';

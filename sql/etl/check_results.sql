CREATE TABLE IF NOT EXISTS etl.check_results (
    check_name   text PRIMARY KEY,
    target_table text NOT NULL,
    severity     text NOT NULL CHECK (severity IN ('error', 'warn')),
    description  text NOT NULL,
    findings     bigint NOT NULL,
    examples     jsonb NOT NULL DEFAULT '[]',
    checked      timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen    timestamptz
);

COMMENT ON TABLE etl.check_results IS 'Latest result of each check of sql/checks. Grain: one row for each check.';
COMMENT ON COLUMN etl.check_results.check_name IS 'File of the check below sql/checks, without .sql.';
COMMENT ON COLUMN etl.check_results.target_table IS 'Table the check audits.';
COMMENT ON COLUMN etl.check_results.severity IS 'error: a finding rolls the load back; warn: it is reported.';
COMMENT ON COLUMN etl.check_results.description IS 'What a finding means.';
COMMENT ON COLUMN etl.check_results.findings IS 'Number of offending rows.';
COMMENT ON COLUMN etl.check_results.examples IS 'The first offending rows.';
COMMENT ON COLUMN etl.check_results.checked IS 'When the check ran last.';
COMMENT ON COLUMN etl.check_results.last_seen IS 'When it last had a finding; null if never.';

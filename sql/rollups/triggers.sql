-- What changes in the tables that the rollups are made from is noted by statement, whoever makes the change. The bulk
-- load goes without.
CREATE OR REPLACE TRIGGER log_inserted AFTER INSERT ON processed.users
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION etl.log_user_changes();

CREATE OR REPLACE TRIGGER log_updated AFTER UPDATE ON processed.users
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT
    EXECUTE FUNCTION etl.log_user_changes();

CREATE OR REPLACE TRIGGER log_deleted AFTER DELETE ON processed.users
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION etl.log_user_changes();

CREATE OR REPLACE TRIGGER log_truncated AFTER TRUNCATE ON processed.users
    FOR EACH STATEMENT EXECUTE FUNCTION etl.log_user_changes();

CREATE OR REPLACE TRIGGER log_inserted AFTER INSERT ON processed.viewing_sessions
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION etl.log_session_changes();

CREATE OR REPLACE TRIGGER log_updated AFTER UPDATE ON processed.viewing_sessions
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT
    EXECUTE FUNCTION etl.log_session_changes();

CREATE OR REPLACE TRIGGER log_deleted AFTER DELETE ON processed.viewing_sessions
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION etl.log_session_changes();

CREATE OR REPLACE TRIGGER log_truncated AFTER TRUNCATE ON processed.viewing_sessions
    FOR EACH STATEMENT EXECUTE FUNCTION etl.log_session_changes();

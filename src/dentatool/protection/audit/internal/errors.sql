-- Errors of the program itself, grouped (operations/monitoring/errors.py): what broke and where, never what was in it.
-- The program adds and cannot read; the provider reads and settles. Of at most 500 groups the oldest makes room.
CREATE TABLE IF NOT EXISTS protection.error_group (
    fingerprint text PRIMARY KEY,
    kind text NOT NULL,
    place text NOT NULL,
    part text NOT NULL,
    version text NOT NULL,
    count bigint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    settled_at timestamptz
);
REVOKE ALL ON protection.error_group FROM PUBLIC;

CREATE OR REPLACE FUNCTION protection.note_error(fingerprint text, kind text, place text, part text, version text, times integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO protection.error_group AS g (fingerprint, kind, place, part, version, count, first_at, last_at)
    VALUES (left($1, 16), left($2, 120), left($3, 200), left($4, 120), left($5, 40), greatest($6, 1), clock_timestamp(), clock_timestamp())
    ON CONFLICT ON CONSTRAINT error_group_pkey DO UPDATE SET
        count = g.count + excluded.count, last_at = excluded.last_at, place = excluded.place, part = excluded.part,
        version = excluded.version, settled_at = NULL;
    DELETE FROM protection.error_group g WHERE g.fingerprint IN (
        SELECT old.fingerprint FROM protection.error_group old ORDER BY old.settled_at IS NULL DESC, old.last_at DESC OFFSET 500);
END $$;
REVOKE ALL ON FUNCTION protection.note_error(text, text, text, text, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION protection.note_error(text, text, text, text, text, integer) TO dentatool_app;

-- The doors: what is asked before a laboratory is known. This file is the whole list.
-- Each is a SECURITY DEFINER function with a fixed search_path, owned by dentatool_doors, a role
-- that nobody can sign in as and that sees only the tables named here.

GRANT SELECT ON protection_account, protection_session, protection_laboratory, protection_laboratoryrole,
    protection_accesslink, protection_apitoken, kit_job TO dentatool_doors;
GRANT UPDATE (last_action_at) ON protection_session TO dentatool_doors;
GRANT UPDATE (last_used_at) ON protection_apitoken TO dentatool_doors;

DROP POLICY IF EXISTS door ON protection_account;
CREATE POLICY door ON protection_account FOR SELECT TO dentatool_doors USING (true);
DROP POLICY IF EXISTS door ON protection_session;
CREATE POLICY door ON protection_session FOR SELECT TO dentatool_doors USING (true);
DROP POLICY IF EXISTS door_touch ON protection_session;
CREATE POLICY door_touch ON protection_session FOR UPDATE TO dentatool_doors USING (true);
DROP POLICY IF EXISTS door ON protection_laboratoryrole;
CREATE POLICY door ON protection_laboratoryrole FOR SELECT TO dentatool_doors USING (true);
DROP POLICY IF EXISTS door ON protection_accesslink;
CREATE POLICY door ON protection_accesslink FOR SELECT TO dentatool_doors USING (true);
DROP POLICY IF EXISTS door ON protection_apitoken;
CREATE POLICY door ON protection_apitoken FOR SELECT TO dentatool_doors USING (true);
DROP POLICY IF EXISTS door_touch ON protection_apitoken;
CREATE POLICY door_touch ON protection_apitoken FOR UPDATE TO dentatool_doors USING (true);
DROP POLICY IF EXISTS door ON kit_job;
CREATE POLICY door ON kit_job FOR SELECT TO dentatool_doors USING (true);

-- The laboratories themselves: each sees its own row. New ones are made by the owner's role.
ALTER TABLE protection_laboratory ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own_row ON protection_laboratory;
CREATE POLICY own_row ON protection_laboratory
    USING (id = (SELECT protection.any_lab())) WITH CHECK (id = (SELECT protection.writing_lab()));
DROP POLICY IF EXISTS door ON protection_laboratory;
CREATE POLICY door ON protection_laboratory FOR SELECT TO dentatool_doors USING (true);
GRANT SELECT ON protection_laboratory TO dentatool_practice;
GRANT SELECT ON django_migrations TO dentatool_app; -- /readyz asks whether all have run
GRANT SELECT, UPDATE (name, idle_minutes, factor_rule) ON protection_laboratory TO dentatool_app;

-- These indexes do not begin with lab_id, because the laboratory is what is being looked for.
CREATE INDEX IF NOT EXISTS door_account ON protection_account (sign_in_key);
CREATE INDEX IF NOT EXISTS door_session ON protection_session (token_hash) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS door_link ON protection_accesslink (token_hash) WHERE used_at IS NULL;
CREATE INDEX IF NOT EXISTS door_token ON protection_apitoken (token_hash) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS door_job ON kit_job (run_at) WHERE state = 'waiting';

-- The owner may become dentatool_doors (and only the owner): what is made here belongs to that role.
GRANT CREATE ON SCHEMA protection TO dentatool_doors;
SET LOCAL ROLE dentatool_doors;

-- A function whose columns change has to be dropped first.
DROP FUNCTION IF EXISTS protection.door_open_session(bytea, boolean), protection.door_find_token(bytea);

-- Door 1: accounts by the keyed hash of a sign-in name.
CREATE OR REPLACE FUNCTION protection.door_find_accounts(wanted bytea)
RETURNS TABLE (account_id uuid, lab_id uuid, password_hash text, usable boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT a.id, a.lab_id, a.password_hash, a.active AND l.active
    FROM public.protection_account a JOIN public.protection_laboratory l ON l.id = a.lab_id
    WHERE a.sign_in_key = wanted
    ORDER BY a.id LIMIT 5
$$;

-- Door 2: a session by the hash of its token, with all that the Gate needs, in one round trip.
-- Idle time is counted by the person's own actions; the stamp moves at most every 20 seconds.
CREATE OR REPLACE FUNCTION protection.door_open_session(wanted bytea, is_action boolean)
RETURNS TABLE (session_id uuid, lab_id uuid, account_id uuid, role text, display_name bytea, laboratory text, idle_minutes int,
               own_permissions jsonb, practice_id uuid, level text, method text, confirmed_at timestamptz, factor_rule text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE
    last_action timestamptz;
BEGIN
    SELECT s.id, s.lab_id, a.id, a.role, a.display_name, l.name, l.idle_minutes,
           r.permissions, a.practice_id, s.level, s.method, s.confirmed_at, l.factor_rule, s.last_action_at
    INTO session_id, lab_id, account_id, role, display_name, laboratory, idle_minutes,
         own_permissions, practice_id, level, method, confirmed_at, factor_rule, last_action
    FROM public.protection_session s
    JOIN public.protection_account a ON a.lab_id = s.lab_id AND a.id = s.account_id
    JOIN public.protection_laboratory l ON l.id = s.lab_id
    LEFT JOIN public.protection_laboratoryrole r ON r.lab_id = a.lab_id AND r.key = a.role AND r.active
    WHERE s.token_hash = wanted AND s.ended_at IS NULL AND s.expires_at > now()
      AND s.last_action_at > now() - make_interval(mins => l.idle_minutes)
      AND a.active AND l.active;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF is_action AND last_action < now() - interval '20 seconds' THEN
        UPDATE public.protection_session s SET last_action_at = now() WHERE s.id = session_id AND s.token_hash = wanted;
    END IF;
    RETURN NEXT;
END $$;

-- Door 3, for the worker alone: all laboratories, for nightly jobs.
CREATE OR REPLACE FUNCTION protection.door_laboratories() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT l.id FROM public.protection_laboratory l WHERE l.active
$$;

-- Door 4, for the worker alone: laboratories that have a job due.
CREATE OR REPLACE FUNCTION protection.door_due_labs() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT DISTINCT j.lab_id FROM public.kit_job j WHERE j.state = 'waiting' AND j.run_at <= now()
$$;

-- Door 5: an unused link by the hash of its token.
CREATE OR REPLACE FUNCTION protection.door_find_link(wanted bytea)
RETURNS TABLE (link_id uuid, lab_id uuid, account_id uuid, purpose text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT k.id, k.lab_id, k.account_id, k.purpose
    FROM public.protection_accesslink k
    JOIN public.protection_account a ON a.lab_id = k.lab_id AND a.id = k.account_id
    JOIN public.protection_laboratory l ON l.id = k.lab_id
    WHERE k.token_hash = wanted AND k.used_at IS NULL AND k.expires_at > now() AND a.active AND l.active
$$;

-- Door 6: an API token by its hash; the same facts as of a session. The stamp moves at most once a minute.
CREATE OR REPLACE FUNCTION protection.door_find_token(wanted bytea)
RETURNS TABLE (token_id uuid, lab_id uuid, account_id uuid, role text, display_name bytea, laboratory text,
               own_permissions jsonb, practice_id uuid, scopes jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE
    last_used timestamptz;
BEGIN
    SELECT t.id, t.lab_id, a.id, a.role, a.display_name, l.name, r.permissions, a.practice_id, t.scopes, t.last_used_at
    INTO token_id, lab_id, account_id, role, display_name, laboratory, own_permissions, practice_id, scopes, last_used
    FROM public.protection_apitoken t
    JOIN public.protection_account a ON a.lab_id = t.lab_id AND a.id = t.account_id
    JOIN public.protection_laboratory l ON l.id = t.lab_id
    LEFT JOIN public.protection_laboratoryrole r ON r.lab_id = a.lab_id AND r.key = a.role AND r.active
    WHERE t.token_hash = wanted AND t.ended_at IS NULL AND t.expires_at > now() AND a.active AND l.active;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF last_used IS NULL OR last_used < now() - interval '1 minute' THEN
        UPDATE public.protection_apitoken t SET last_used_at = now() WHERE t.id = token_id AND t.token_hash = wanted;
    END IF;
    RETURN NEXT;
END $$;

REVOKE ALL ON FUNCTION protection.door_find_accounts(bytea), protection.door_open_session(bytea, boolean),
    protection.door_find_link(bytea), protection.door_find_token(bytea),
    protection.door_laboratories(), protection.door_due_labs() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION protection.door_find_accounts(bytea), protection.door_open_session(bytea, boolean),
    protection.door_find_link(bytea), protection.door_find_token(bytea) TO dentatool_app;
GRANT EXECUTE ON FUNCTION protection.door_laboratories(), protection.door_due_labs() TO dentatool_worker;

RESET ROLE;
REVOKE CREATE ON SCHEMA protection FROM dentatool_doors;

-- The doors: what is asked before a laboratory is known. This file is the whole list.
-- Each is a SECURITY DEFINER function with a fixed search_path, owned by dentatool_doors, a role
-- that nobody can sign in as and that sees only the tables named here.

GRANT SELECT ON protection_account, protection_session, protection_laboratory, protection_laboratoryrole,
    protection_accesslink, protection_apitoken, kit_job TO dentatool_doors;
GRANT SELECT (lab_id, account_id, expires_at) ON protection_draft TO dentatool_doors;
GRANT UPDATE (last_action_at) ON protection_session TO dentatool_doors;
GRANT UPDATE (last_used_at) ON protection_apitoken TO dentatool_doors;
GRANT SELECT ON protection_factor TO dentatool_doors;
GRANT SELECT, INSERT, UPDATE, DELETE ON protection_attempt, protection_resetrequest TO dentatool_doors;
GRANT INSERT ON protection_entry, protection_platformevent TO dentatool_doors;
GRANT SELECT (lab_id, id, at, what, actor_id, origin) ON protection_entry TO dentatool_doors; -- never what changed
GRANT SELECT (id, event, at, facts) ON protection_platformevent TO dentatool_doors;
GRANT SELECT (lab_id, id) ON protection_leaf TO dentatool_doors;
GRANT SELECT (lab_id, size, until) ON protection_checkpoint TO dentatool_doors;

-- A policy cannot be made twice, and one that no longer stands here must go.
DO $$
DECLARE
    made pg_policies;
BEGIN
    FOR made IN SELECT * FROM pg_policies WHERE policyname IN ('door', 'door_touch', 'door_note', 'own_row') LOOP
        EXECUTE format('DROP POLICY %I ON %I.%I', made.policyname, made.schemaname, made.tablename);
    END LOOP;
END $$;
CREATE POLICY door ON protection_account FOR SELECT TO dentatool_doors USING (true);
CREATE POLICY door ON protection_session FOR SELECT TO dentatool_doors USING (true);
CREATE POLICY door_touch ON protection_session FOR UPDATE TO dentatool_doors USING (true);
CREATE POLICY door ON protection_laboratoryrole FOR SELECT TO dentatool_doors USING (true);
CREATE POLICY door ON protection_accesslink FOR SELECT TO dentatool_doors USING (true);
CREATE POLICY door ON protection_apitoken FOR SELECT TO dentatool_doors USING (true);
CREATE POLICY door_touch ON protection_apitoken FOR UPDATE TO dentatool_doors USING (true);
CREATE POLICY door ON protection_factor FOR SELECT TO dentatool_doors USING (true);
CREATE POLICY door_note ON protection_entry FOR INSERT TO dentatool_doors WITH CHECK (true);
CREATE POLICY door ON protection_entry FOR SELECT TO dentatool_doors USING (true);
CREATE POLICY door ON protection_leaf FOR SELECT TO dentatool_doors USING (true);
CREATE POLICY door ON protection_checkpoint FOR SELECT TO dentatool_doors USING (true);
CREATE POLICY door ON protection_draft FOR SELECT TO dentatool_doors USING (true);
CREATE POLICY door ON kit_job FOR SELECT TO dentatool_doors USING (true);

-- The laboratories themselves: each sees its own row. New ones are made by the owner's role.
ALTER TABLE protection_laboratory ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_row ON protection_laboratory
    USING (id = (SELECT protection.any_lab())) WITH CHECK (id = (SELECT protection.writing_lab()));
CREATE POLICY door ON protection_laboratory FOR SELECT TO dentatool_doors USING (true);
GRANT SELECT ON protection_laboratory TO dentatool_practice;
GRANT SELECT ON django_migrations TO dentatool_app; -- /readyz asks whether all have run
GRANT SELECT, UPDATE (idle_minutes, factor_rule) ON protection_laboratory TO dentatool_app;

-- These indexes do not begin with lab_id, because the laboratory is what is being looked for.
CREATE INDEX IF NOT EXISTS door_account ON protection_account (sign_in_key);
DROP INDEX IF EXISTS door_session;
CREATE INDEX IF NOT EXISTS door_any_session ON protection_session (token_hash); -- ended ones too: door 13
CREATE INDEX IF NOT EXISTS door_passkey ON protection_factor (credential_key);
CREATE INDEX IF NOT EXISTS door_link ON protection_accesslink (token_hash) WHERE used_at IS NULL;
CREATE INDEX IF NOT EXISTS door_token ON protection_apitoken (token_hash);
CREATE INDEX IF NOT EXISTS door_job ON kit_job (run_at) WHERE state = 'waiting';

-- The owner may become dentatool_doors (and only the owner): what is made here belongs to that role.
GRANT CREATE ON SCHEMA protection TO dentatool_doors;
SET LOCAL ROLE dentatool_doors;

-- A function whose columns change has to be dropped first.
DROP FUNCTION IF EXISTS protection.door_open_session(bytea, boolean), protection.door_find_token(bytea),
    protection.door_still_good(uuid[], uuid[]);

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
-- Idle time is counted by the person's own actions; the stamp moves at most once a second, and only then is it asked
-- from where else the person is just working.
CREATE OR REPLACE FUNCTION protection.door_open_session(wanted bytea, is_action boolean)
RETURNS TABLE (session_id uuid, lab_id uuid, account_id uuid, role text, display_name bytea, laboratory text, idle_minutes int,
               own_permissions jsonb, practice_id uuid, level text, method text, confirmed_at timestamptz, factor_rule text,
               expires_at timestamptz, device text, origin text, has_drafts boolean, elsewhere text[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE
    last_action timestamptz;
BEGIN
    SELECT s.id, s.lab_id, a.id, a.role, a.display_name, l.name, l.idle_minutes,
           r.permissions, a.practice_id, s.level, s.method, s.confirmed_at, l.factor_rule, s.expires_at, s.device, s.origin,
           EXISTS (SELECT FROM public.protection_draft d
                   WHERE d.lab_id = s.lab_id AND d.account_id = s.account_id AND d.expires_at > now()),
           s.last_action_at
    INTO session_id, lab_id, account_id, role, display_name, laboratory, idle_minutes,
         own_permissions, practice_id, level, method, confirmed_at, factor_rule, expires_at, device, origin,
         has_drafts, last_action
    FROM public.protection_session s
    JOIN public.protection_account a ON a.lab_id = s.lab_id AND a.id = s.account_id
    JOIN public.protection_laboratory l ON l.id = s.lab_id
    LEFT JOIN public.protection_laboratoryrole r ON r.lab_id = a.lab_id AND r.key = a.role AND r.active
    WHERE s.token_hash = wanted AND s.ended_at IS NULL AND s.expires_at > now()
      AND s.started_at > coalesce(a.access_ended_at, '-infinity')
      AND s.last_action_at > now() - make_interval(mins => l.idle_minutes)
      AND a.active AND l.active;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF is_action AND last_action < now() - interval '1 second' THEN
        -- A page does not wait for the disk because of this note: lost in a crash, the idle time ends early, never late.
        PERFORM set_config('synchronous_commit', 'off', true);
        UPDATE public.protection_session s SET last_action_at = now()
        WHERE s.lab_id = door_open_session.lab_id AND s.id = session_id AND s.token_hash = wanted;
        SELECT array_agg(DISTINCT o.origin) INTO elsewhere FROM public.protection_session o
        WHERE o.lab_id = door_open_session.lab_id AND o.account_id = door_open_session.account_id
          AND o.origin <> door_open_session.origin
          AND o.ended_at IS NULL AND o.last_action_at > now() - interval '60 seconds';
    END IF;
    RETURN NEXT;
END $$;

-- Door 3, for the worker alone: all laboratories, for nightly jobs.
CREATE OR REPLACE FUNCTION protection.door_laboratories() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT l.id FROM public.protection_laboratory l WHERE l.active
$$;

-- For the owner's commands alone: every laboratory there is, also those that nobody may enter any more.
CREATE OR REPLACE FUNCTION protection.door_every_laboratory() RETURNS TABLE (lab_id uuid, name text, active boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT l.id, l.name, l.active FROM public.protection_laboratory l ORDER BY l.id
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

-- Door 6: an API token by its hash; the same facts as of a session. The stamp moves at most once a minute. A token that
-- is over is told too, so that its laboratory learns of who still tries it; the program answers as if it were unknown.
CREATE OR REPLACE FUNCTION protection.door_find_token(wanted bytea)
RETURNS TABLE (token_id uuid, lab_id uuid, account_id uuid, role text, display_name bytea, laboratory text,
               own_permissions jsonb, practice_id uuid, scopes jsonb, is_live boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE
    last_used timestamptz;
BEGIN
    SELECT t.id, t.lab_id, a.id, a.role, a.display_name, l.name, r.permissions, a.practice_id, t.scopes, t.last_used_at,
           t.ended_at IS NULL AND t.expires_at > now() AND a.active AND l.active
    INTO token_id, lab_id, account_id, role, display_name, laboratory, own_permissions, practice_id, scopes, last_used,
         is_live
    FROM public.protection_apitoken t
    JOIN public.protection_account a ON a.lab_id = t.lab_id AND a.id = t.account_id
    JOIN public.protection_laboratory l ON l.id = t.lab_id
    LEFT JOIN public.protection_laboratoryrole r ON r.lab_id = a.lab_id AND r.key = a.role AND r.active
    WHERE t.token_hash = wanted;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF is_live AND (last_used IS NULL OR last_used < now() - interval '1 minute') THEN
        PERFORM set_config('synchronous_commit', 'off', true); -- as in door 2
        UPDATE public.protection_apitoken t SET last_used_at = now() WHERE t.id = token_id AND t.token_hash = wanted;
    END IF;
    RETURN NEXT;
END $$;

-- Door 7: whose passkey this is, by the keyed hash of its credential id. Says nothing that the passkey would not prove.
CREATE OR REPLACE FUNCTION protection.door_find_passkey(wanted bytea)
RETURNS TABLE (factor_id uuid, lab_id uuid, account_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT f.id, f.lab_id, f.account_id
    FROM public.protection_factor f
    JOIN public.protection_account a ON a.lab_id = f.lab_id AND a.id = f.account_id
    JOIN public.protection_laboratory l ON l.id = f.lab_id
    WHERE f.credential_key = wanted AND a.active AND l.active
$$;

-- Door 8: count one try of each of these, in this order, before anything is done for it. 0: go on. Otherwise the place
-- of the first that was tried too often, negative when that has just begun. Of parallel tries, each waits for the row
-- of the one before it: no more pass than `most` within `window_s`. Who goes on after that waits twice as long each
-- time, at most `longest_s`; a day without a block forgives.
CREATE OR REPLACE FUNCTION protection.door_count_attempts(what uuid[], most integer[], window_s integer[], longest_s integer[])
RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    held public.protection_attempt;
    moment timestamptz;
BEGIN
    FOR place IN 1 .. cardinality(what) LOOP
        INSERT INTO public.protection_attempt AS a (id, count, since, blocks, blocked_until)
        VALUES (what[place], 0, clock_timestamp(), 0, NULL)
        ON CONFLICT (id) DO UPDATE SET count = a.count
        RETURNING * INTO held;
        moment := clock_timestamp();
        IF held.blocked_until > moment THEN
            RETURN place;
        END IF;
        IF held.since < moment - make_interval(secs => window_s[place]) THEN
            held.count := 0;
            held.since := moment;
        END IF;
        IF held.blocked_until < moment - interval '1 day' THEN
            held.blocks := 0;
        END IF;
        IF held.count < most[place] THEN
            UPDATE public.protection_attempt a SET count = held.count + 1, since = held.since, blocks = held.blocks
            WHERE a.id = what[place];
        ELSE
            UPDATE public.protection_attempt a
            SET count = 0, since = moment, blocks = held.blocks + 1, blocked_until = moment
                + make_interval(secs => least(window_s[place] * power(2, least(held.blocks, 20)), longest_s[place]))
            WHERE a.id = what[place];
            RETURN -place;
        END IF;
    END LOOP;
    RETURN 0;
END $$;

-- Door 9: a try of each of these succeeded and does not count. What is long past is swept away.
CREATE OR REPLACE FUNCTION protection.door_give_back_attempts(what uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    FOR place IN 1 .. cardinality(what) LOOP -- in the order of door 8: else two sign-ins could wait for each other
        UPDATE public.protection_attempt a SET count = greatest(a.count - 1, 0) WHERE a.id = what[place];
    END LOOP;
    DELETE FROM public.protection_attempt a WHERE a.id IN (
        SELECT old.id FROM public.protection_attempt old
        WHERE old.since < now() - interval '2 days' ORDER BY old.since LIMIT 50 FOR UPDATE SKIP LOCKED);
END $$;

-- Door 10: note a refused sign-in, in one statement whether the name is known or not: in the trail of each laboratory
-- that knows it, and among the events of the platform.
CREATE OR REPLACE FUNCTION protection.door_note_refusal(wanted bytea, is_locked boolean, asked_from text, request text)
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
    INSERT INTO public.protection_entry
        (id, lab_id, at, actor_id, mode, origin, request_id, kind, what, record_id, action, changes)
    SELECT gen_random_uuid(), a.lab_id, clock_timestamp(), a.id, 'work', left(asked_from, 45), left(request, 36), 'event',
           CASE WHEN is_locked THEN 'authn_login_lock' ELSE 'authn_login_fail' END, NULL, '',
           jsonb_build_object('account', a.id)
    FROM public.protection_account a WHERE a.sign_in_key = wanted;
    INSERT INTO public.protection_platformevent (id, at, event, facts)
    VALUES (gen_random_uuid(), clock_timestamp(),
            CASE WHEN is_locked THEN 'authn_login_lock' ELSE 'authn_login_fail' END,
            jsonb_build_object('origin', left(asked_from, 45)));
$$;

-- Door 11: somebody asks for a new password. The same row for every name; the worker finds out whose it is. What was
-- asked for too often leaves the same row under a name that nobody can have.
CREATE OR REPLACE FUNCTION protection.door_ask_reset(wanted bytea, is_heard boolean) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
    INSERT INTO public.protection_resetrequest (id, at, sign_in_key)
    VALUES (gen_random_uuid(), clock_timestamp(), CASE WHEN is_heard THEN wanted ELSE '' END)
$$;

-- Door 12, for the worker alone: the accounts for which a new password was asked, each request once.
CREATE OR REPLACE FUNCTION protection.door_take_reset_requests() RETURNS TABLE (lab_id uuid, account_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
    WITH taken AS (
        DELETE FROM public.protection_resetrequest r WHERE r.id IN (
            SELECT due.id FROM public.protection_resetrequest due ORDER BY due.at LIMIT 100 FOR UPDATE SKIP LOCKED)
        RETURNING r.sign_in_key)
    SELECT DISTINCT a.lab_id, a.id
    FROM taken JOIN public.protection_account a ON a.sign_in_key = taken.sign_in_key
    JOIN public.protection_laboratory l ON l.id = a.lab_id
    WHERE a.active AND l.active
$$;

-- Door 13: whose a session was that door 2 does not open, and why it is over.
CREATE OR REPLACE FUNCTION protection.door_dead_session(wanted bytea)
RETURNS TABLE (session_id uuid, lab_id uuid, account_id uuid, ending text, over_since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT s.id, s.lab_id, a.id,
           CASE WHEN NOT (a.active AND l.active) THEN 'deactivated' WHEN s.ended_at IS NOT NULL THEN s.ending
                WHEN s.expires_at <= now() THEN 'absolute' ELSE 'idle' END,
           coalesce(s.ended_at, least(s.expires_at, s.last_action_at + make_interval(mins => l.idle_minutes)))
    FROM public.protection_session s
    JOIN public.protection_account a ON a.lab_id = s.lab_id AND a.id = s.account_id
    JOIN public.protection_laboratory l ON l.id = s.lab_id
    WHERE s.token_hash = wanted
$$;

-- Door 14: which of these sessions and API tokens are still good for what they were served for ("": for being there at
-- all). Asked while something is being sent to them, and at the end of a long request.
CREATE OR REPLACE FUNCTION protection.door_still_good(labs uuid[], ids uuid[], needs text[]) RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT asked.place FROM unnest(labs, ids, needs) WITH ORDINALITY AS asked (lab, id, needed, place)
    JOIN public.protection_session s ON s.lab_id = asked.lab AND s.id = asked.id
    JOIN public.protection_account a ON a.lab_id = s.lab_id AND a.id = s.account_id
    JOIN public.protection_laboratory l ON l.id = s.lab_id
    WHERE s.ended_at IS NULL AND s.expires_at > now() AND a.active AND l.active
      AND s.started_at > coalesce(a.access_ended_at, '-infinity')
      AND asked.needed = ANY (protection.permissions_of(a.lab_id, a.role) || '{"",account:own}')
    UNION ALL
    SELECT asked.place FROM unnest(labs, ids, needs) WITH ORDINALITY AS asked (lab, id, needed, place)
    JOIN public.protection_apitoken t ON t.lab_id = asked.lab AND t.id = asked.id
    JOIN public.protection_account a ON a.lab_id = t.lab_id AND a.id = t.account_id
    JOIN public.protection_laboratory l ON l.id = t.lab_id
    WHERE t.ended_at IS NULL AND t.expires_at > now() AND a.active AND l.active
      AND ARRAY[asked.needed, 'api:use'] <@ protection.permissions_of(a.lab_id, a.role)
$$;

-- Door 15: count so many more of this, and say how many those within its time are now. Refuses nothing.
CREATE OR REPLACE FUNCTION protection.door_tally(what uuid, more integer, window_s integer) RETURNS int
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
    INSERT INTO public.protection_attempt AS a (id, count, since, blocks, blocked_until)
    VALUES (what, more, clock_timestamp(), 0, NULL)
    ON CONFLICT (id) DO UPDATE SET
        count = more + CASE WHEN a.since > clock_timestamp() - make_interval(secs => window_s) THEN a.count ELSE 0 END,
        since = CASE WHEN a.since > clock_timestamp() - make_interval(secs => window_s) THEN a.since ELSE clock_timestamp() END
    RETURNING a.count
$$;

-- Door 16, for the worker alone: trails that have something to seal and since when, those of closed laboratories too, and
-- the platform's own (named by zeros). Looks from the last checkpoint on, by index, whatever the planner believes.
CREATE OR REPLACE FUNCTION protection.door_unsealed_trails(slack interval) RETURNS TABLE (tree uuid, oldest timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off AS $$
DECLARE
    since timestamptz;
BEGIN
    FOR tree IN SELECT l.id FROM public.protection_laboratory l UNION ALL SELECT '00000000-0000-0000-0000-000000000000' LOOP
        since := (SELECT least(c.until, statement_timestamp()) - slack FROM public.protection_checkpoint c
                  WHERE c.lab_id = tree ORDER BY c.size DESC LIMIT 1);
        since := coalesce(since, '-infinity');
        IF tree <> '00000000-0000-0000-0000-000000000000' THEN
            oldest := (SELECT e.at FROM public.protection_entry e
                       WHERE e.lab_id = tree AND e.at >= since AND NOT EXISTS (
                           SELECT FROM public.protection_leaf f WHERE f.lab_id = tree AND f.id = e.id)
                       ORDER BY e.at LIMIT 1);
        ELSE
            WITH RECURSIVE names (event) AS ( -- from name to name along the index: there is none over the time alone
                (SELECT p.event FROM public.protection_platformevent p ORDER BY p.event LIMIT 1)
                UNION ALL
                SELECT (SELECT p.event FROM public.protection_platformevent p WHERE p.event > names.event
                        ORDER BY p.event LIMIT 1) FROM names WHERE names.event IS NOT NULL)
            SELECT min(p.at) INTO oldest
            FROM names JOIN public.protection_platformevent p ON p.event = names.event AND p.at >= since
            WHERE NOT EXISTS (SELECT FROM public.protection_leaf f WHERE f.lab_id = tree AND f.id = p.id);
        END IF;
        IF oldest IS NOT NULL THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;

-- Door 17, for the worker alone: how often these events happened within a time, by laboratory, account and address, and
-- those of the platform by address (without a laboratory). Counts and times; nothing of what an entry says. By index, as door 16.
CREATE OR REPLACE FUNCTION protection.door_count_events(names text[], window_s integer, nights integer[], roles text[])
RETURNS TABLE (lab_id uuid, account_id uuid, origin text, times bigint, first_at timestamptz, last_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off AS $$
    SELECT l.id, e.actor_id, e.origin, count(*), min(e.at), max(e.at)
    FROM public.protection_laboratory l CROSS JOIN unnest(names) AS name (what)
    JOIN public.protection_entry e ON e.lab_id = l.id AND e.what = name.what
         AND e.at > statement_timestamp() - make_interval(secs => window_s)
    LEFT JOIN public.protection_account a ON a.lab_id = e.lab_id AND a.id = e.actor_id
    WHERE (cardinality(nights) = 0 OR extract(hour FROM e.at AT TIME ZONE 'Europe/Berlin')::int = ANY (nights))
      AND (cardinality(roles) = 0 OR a.role = ANY (roles))
    GROUP BY l.id, e.actor_id, e.origin
    UNION ALL
    SELECT NULL, NULL, coalesce(p.facts ->> 'origin', ''), count(*), min(p.at), max(p.at)
    FROM unnest(names) AS name (event) JOIN public.protection_platformevent p ON p.event = name.event
         AND p.at > statement_timestamp() - make_interval(secs => window_s)
    WHERE cardinality(nights) = 0 AND cardinality(roles) = 0
    GROUP BY 3
    ORDER BY 4 DESC LIMIT 10000
$$;

REVOKE ALL ON FUNCTION protection.door_find_accounts(bytea), protection.door_open_session(bytea, boolean),
    protection.door_find_passkey(bytea), protection.door_count_attempts(uuid[], integer[], integer[], integer[]),
    protection.door_give_back_attempts(uuid[]), protection.door_note_refusal(bytea, boolean, text, text),
    protection.door_ask_reset(bytea, boolean), protection.door_take_reset_requests(),
    protection.door_find_link(bytea), protection.door_find_token(bytea),
    protection.door_dead_session(bytea), protection.door_still_good(uuid[], uuid[], text[]),
    protection.door_tally(uuid, integer, integer),
    protection.door_laboratories(), protection.door_every_laboratory(), protection.door_due_labs(),
    protection.door_unsealed_trails(interval),
    protection.door_count_events(text[], integer, integer[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION protection.door_find_accounts(bytea), protection.door_open_session(bytea, boolean),
    protection.door_find_link(bytea), protection.door_find_token(bytea), protection.door_find_passkey(bytea),
    protection.door_count_attempts(uuid[], integer[], integer[], integer[]), protection.door_give_back_attempts(uuid[]),
    protection.door_note_refusal(bytea, boolean, text, text), protection.door_ask_reset(bytea, boolean),
    protection.door_dead_session(bytea), protection.door_still_good(uuid[], uuid[], text[]),
    protection.door_tally(uuid, integer, integer) TO dentatool_app;
GRANT EXECUTE ON FUNCTION protection.door_count_attempts(uuid[], integer[], integer[], integer[]),
    protection.door_give_back_attempts(uuid[]) TO dentatool_practice; -- they too prove who they are
-- Asked in the middle of a request, where the people of a practice are in a role of their own.
GRANT EXECUTE ON FUNCTION protection.door_still_good(uuid[], uuid[], text[]) TO dentatool_practice;
GRANT EXECUTE ON FUNCTION protection.door_laboratories(), protection.door_due_labs(),
    protection.door_take_reset_requests(), protection.door_unsealed_trails(interval),
    protection.door_count_events(text[], integer, integer[], text[]) TO dentatool_worker;
GRANT EXECUTE ON FUNCTION protection.door_every_laboratory() TO dentatool_owner;

RESET ROLE;
REVOKE CREATE ON SCHEMA protection FROM dentatool_doors;

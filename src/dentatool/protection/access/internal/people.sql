-- Who may decide over whom: the same rules as people.py, for whoever reaches the tables some other way.
-- Run by the owner at every migrate; safe to repeat. protection.builtin_permissions is made from roles.py.

-- What a role of this laboratory may; NULL for a role that does not exist.
CREATE OR REPLACE FUNCTION protection.permissions_of(lab uuid, wanted text) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
BEGIN
    RETURN coalesce(protection.builtin_permissions(wanted), (
        SELECT ARRAY(SELECT jsonb_array_elements_text(r.permissions))
        FROM public.protection_laboratoryrole r WHERE r.lab_id = lab AND r.key = wanted AND r.active));
END $$;

-- What the person who holds the pass may. Empty when their account is not in use.
CREATE OR REPLACE FUNCTION protection.held_permissions() RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
BEGIN
    RETURN coalesce((SELECT protection.permissions_of(a.lab_id, a.role) FROM public.protection_account a
                     WHERE a.id = protection.person() AND a.active), '{}');
END $$;

-- Whether that person holds this right, and every right that goes with the role: who has less decides nothing.
CREATE OR REPLACE FUNCTION protection.may_decide(needed text, role_permissions text[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
BEGIN
    RETURN coalesce((role_permissions || needed) <@ protection.held_permissions(), false);
END $$;

-- Accounts. The last owner stays, whoever asks; nobody gives what they do not hold, changes their own role, or
-- sets the password of another.
CREATE OR REPLACE FUNCTION protection.guard_account() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    actor uuid := protection.person();
    lab uuid := protection.any_lab();
BEGIN
    IF lab IS NULL THEN -- not the program: row-level security has the word, or nobody has
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP <> 'INSERT' AND OLD.role = 'owner' AND OLD.active AND left(OLD.password_hash, 1) <> '!'
       AND (TG_OP = 'DELETE' OR NEW.role <> 'owner' OR NOT NEW.active) THEN
        -- Two owners who take each other's role at once: one waits for the other. people.py locks in the same order.
        PERFORM 1 FROM public.protection_account a
        WHERE a.lab_id = lab AND a.role = 'owner' AND a.active ORDER BY a.id FOR UPDATE;
        IF NOT EXISTS (SELECT FROM public.protection_account a WHERE a.lab_id = lab AND a.role = 'owner' AND a.active
                       AND a.id <> OLD.id AND left(a.password_hash, 1) <> '!') THEN
            RAISE EXCEPTION 'dentatool: the last owner stays' USING ERRCODE = 'DT007';
        END IF;
    END IF;
    IF actor IS NULL THEN -- founding, links and jobs: the program itself
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'UPDATE' AND (NEW.role, NEW.active) = (OLD.role, OLD.active)
       AND NEW.practice_id IS NOT DISTINCT FROM OLD.practice_id THEN
        IF actor <> OLD.id AND NEW.password_hash <> OLD.password_hash AND left(NEW.password_hash, 1) <> '!' THEN
            RAISE EXCEPTION 'dentatool: a password is set by its own person' USING ERRCODE = 'DT008';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP <> 'INSERT' AND actor = OLD.id THEN
        RAISE EXCEPTION 'dentatool: nobody decides over themselves' USING ERRCODE = 'DT008';
    END IF;
    IF TG_OP = 'UPDATE' AND NOT NEW.active AND NEW.role = OLD.role
       AND protection.may_decide('review:decide', coalesce(protection.permissions_of(lab, OLD.role), '{}')) THEN
        RETURN NEW; -- the review of rights ends what nobody needs any more
    END IF;
    IF (TG_OP <> 'INSERT' AND NOT protection.may_decide('team:change', coalesce(protection.permissions_of(lab, OLD.role), '{}')))
       OR (TG_OP <> 'DELETE' AND NOT protection.may_decide('team:change', protection.permissions_of(lab, NEW.role)))
       OR (TG_OP = 'INSERT' AND left(NEW.password_hash, 1) <> '!') THEN
        RAISE EXCEPTION 'dentatool: only rights one holds can be given or taken' USING ERRCODE = 'DT008';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

-- Roles of the laboratory's own: only known permissions, only those one holds, never one's own role.
CREATE OR REPLACE FUNCTION protection.guard_role() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    own text := (SELECT a.role FROM public.protection_account a WHERE a.id = protection.person());
    before text[] := CASE WHEN TG_OP = 'INSERT' THEN '{}' ELSE ARRAY(SELECT jsonb_array_elements_text(OLD.permissions)) END;
    after text[] := CASE WHEN TG_OP = 'DELETE' THEN '{}' ELSE ARRAY(SELECT jsonb_array_elements_text(NEW.permissions)) END;
BEGIN
    IF TG_OP <> 'DELETE' AND (protection.builtin_permissions(NEW.key) IS NOT NULL
                              OR NOT after <@ protection.builtin_permissions('owner')) THEN
        RAISE EXCEPTION 'dentatool: this role or permission belongs to the program' USING ERRCODE = 'DT008';
    END IF;
    IF protection.person() IS NOT NULL AND (
        NOT protection.may_decide('team:change', before || after)
        OR own = CASE WHEN TG_OP = 'INSERT' THEN NEW.key ELSE OLD.key END
        OR (TG_OP = 'UPDATE' AND NEW.key <> OLD.key)) THEN
        RAISE EXCEPTION 'dentatool: only rights one holds can be given or taken' USING ERRCODE = 'DT008';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

-- Whatever opens the door for a person is theirs to make. Others may end it; and who decides over the person may take
-- it away, or send a link.
CREATE OR REPLACE FUNCTION protection.guard_access() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    actor uuid := protection.person();
    whose uuid := CASE WHEN TG_OP = 'INSERT' THEN NEW.account_id ELSE OLD.account_id END;
    ending CONSTANT text[] := '{ended_at,used_at,ending,used_after_end_at,parallel_at,last_used_at,version,changed_at}';
    after jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END;
BEGIN
    IF actor IS NULL OR (actor = whose AND (TG_OP = 'DELETE' OR NEW.account_id = whose)) THEN
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        -- Ending it, or sending it back to the second step. What is over stays over.
        IF after - ending - 'level' = to_jsonb(OLD) - ending - 'level'
           AND coalesce(after ->> 'level', 'half') IN ('half', to_jsonb(OLD) ->> 'level')
           AND (after ->> 'ended_at' IS NOT NULL OR to_jsonb(OLD) ->> 'ended_at' IS NULL)
           AND (after ->> 'used_at' IS NOT NULL OR to_jsonb(OLD) ->> 'used_at' IS NULL) THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'protection_identitylink'
          AND protection.may_decide('security:change', '{}') THEN
        RETURN OLD; -- another identity provider knows other people
    ELSIF (TG_OP = 'DELETE' OR TG_TABLE_NAME = 'protection_accesslink')
          AND protection.may_decide('team:change', (
              SELECT protection.permissions_of(a.lab_id, a.role) FROM public.protection_account a WHERE a.id = whose)) THEN
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    RAISE EXCEPTION 'dentatool: nobody opens a door in the name of another' USING ERRCODE = 'DT008';
END $$;

-- How the laboratory's people are let in is for those who may change the rules of signing in.
CREATE OR REPLACE FUNCTION protection.guard_entrance() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF protection.person() IS NOT NULL AND NOT protection.may_decide('security:change', '{}') THEN
        RAISE EXCEPTION 'dentatool: the rules of signing in are not theirs to change' USING ERRCODE = 'DT008';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
-- The laboratory's own row is no Record and brings no trigger along.
DROP TRIGGER IF EXISTS dentatool_guard ON public.protection_laboratory;
CREATE TRIGGER dentatool_guard BEFORE UPDATE OF factor_rule, idle_minutes ON public.protection_laboratory
    FOR EACH ROW EXECUTE FUNCTION protection.guard_entrance();

-- A job works in the name of whoever ordered it, and stays what it was when it was ordered.
CREATE OR REPLACE FUNCTION protection.guard_job() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF protection.person() IS NOT NULL AND (
        (TG_OP = 'INSERT' AND NEW.actor_id IS DISTINCT FROM protection.person())
        OR (TG_OP = 'UPDATE' AND (NEW.actor_id, NEW.name, NEW.facts) IS DISTINCT FROM (OLD.actor_id, OLD.name, OLD.facts))) THEN
        RAISE EXCEPTION 'dentatool: nobody has work done in the name of another' USING ERRCODE = 'DT008';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

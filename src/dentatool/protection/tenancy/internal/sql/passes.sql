-- The pass inside the database. Run by the owner at every migrate; safe to repeat.
CREATE SCHEMA IF NOT EXISTS protection;
REVOKE ALL ON SCHEMA protection FROM PUBLIC;
GRANT USAGE ON SCHEMA protection TO dentatool_app, dentatool_practice, dentatool_doors, dentatool_keys, dentatool_backup;

-- HMAC-SHA256 (RFC 2104) needs the key xor ipad and xor opad; kept ready made, since the
-- server has no pgcrypto. Nobody but the owner may read this table.
CREATE TABLE IF NOT EXISTS protection.pass_secret (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    inner_pad bytea NOT NULL,
    outer_pad bytea NOT NULL
);
REVOKE ALL ON protection.pass_secret FROM PUBLIC;

-- Whose database this is (environment.py). The app may see it and not change it.
CREATE TABLE IF NOT EXISTS protection.environment (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    name text NOT NULL CHECK (name IN ('development', 'test', 'production')),
    installation text NOT NULL,
    demo boolean NOT NULL DEFAULT false -- whether invented laboratories were ever loaded
);
REVOKE ALL ON protection.environment FROM PUBLIC;
GRANT SELECT ON protection.environment TO dentatool_app;

-- lab | actor | mode | expires | backend | request | origin | practice, verified; NULL without a pass.
CREATE OR REPLACE FUNCTION protection.verified_pass() RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    pass text := current_setting('dentatool.pass', true);
    part text[];
    secret protection.pass_secret;
BEGIN
    IF pass IS NULL OR pass = '' THEN
        RETURN NULL;
    END IF;
    part := string_to_array(pass, '|');
    SELECT * INTO STRICT secret FROM protection.pass_secret;
    -- Both sides hashed once more: the comparison's duration tells nothing about the true value.
    IF array_length(part, 1) IS DISTINCT FROM 9 OR sha256(part[9]::bytea) IS DISTINCT FROM sha256(encode(
        sha256(secret.outer_pad || sha256(secret.inner_pad || convert_to(left(pass, -65), 'UTF8'))), 'hex')::bytea)
    THEN
        RAISE EXCEPTION 'dentatool: pass forged' USING ERRCODE = 'DT001';
    END IF;
    IF part[5]::int <> pg_backend_pid() THEN
        RAISE EXCEPTION 'dentatool: pass issued for another connection' USING ERRCODE = 'DT002';
    END IF;
    IF part[4]::bigint < extract(epoch FROM transaction_timestamp()) THEN
        RAISE EXCEPTION 'dentatool: pass expired' USING ERRCODE = 'DT003';
    END IF;
    RETURN part;
END $$;

-- The policies ask these, always as (select …): once per statement and table, not per row.
-- The laboratory of whoever works in it. NULL for the people of a practice: what declares nothing shows them nothing.
CREATE OR REPLACE FUNCTION protection.lab() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    part text[] := protection.verified_pass();
BEGIN
    RETURN CASE WHEN part[8] = '' THEN part[1]::uuid END;
END $$;

CREATE OR REPLACE FUNCTION protection.writing_lab() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    part text[] := protection.verified_pass();
BEGIN
    IF part[3] NOT IN ('work', 'practice') THEN
        RAISE EXCEPTION 'dentatool: this pass may only read' USING ERRCODE = 'DT004';
    END IF;
    RETURN CASE WHEN part[8] = '' THEN part[1]::uuid END;
END $$;

-- The laboratory of everyone who belongs to it, people of practices too; for policies that say what these may see.
CREATE OR REPLACE FUNCTION protection.any_lab() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    RETURN (protection.verified_pass())[1]::uuid;
END $$;

-- The same, to write what is one's own: whoever works or belongs to a practice.
CREATE OR REPLACE FUNCTION protection.own_lab() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    part text[] := protection.verified_pass();
BEGIN
    IF part[3] NOT IN ('work', 'practice') THEN
        RAISE EXCEPTION 'dentatool: this pass may only read' USING ERRCODE = 'DT004';
    END IF;
    RETURN part[1]::uuid;
END $$;

-- The practice whose people hold this pass; NULL for those of the laboratory.
CREATE OR REPLACE FUNCTION protection.practice() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    RETURN nullif((protection.verified_pass())[8], '')::uuid;
END $$;

-- The person who holds this pass; NULL for the program itself.
CREATE OR REPLACE FUNCTION protection.person() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    RETURN nullif((protection.verified_pass())[2], '')::uuid;
END $$;

REVOKE ALL ON FUNCTION protection.verified_pass(), protection.lab(), protection.writing_lab(), protection.any_lab(),
    protection.own_lab(), protection.practice(), protection.person() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION protection.lab(), protection.writing_lab(), protection.any_lab(), protection.own_lab(),
    protection.practice(), protection.person() TO dentatool_app, dentatool_practice, dentatool_doors, dentatool_keys, dentatool_backup;

-- Stamps of every Record: when changed, how often.
CREATE OR REPLACE FUNCTION protection.stamp() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    NEW.changed_at := clock_timestamp();
    IF TG_OP = 'UPDATE' THEN
        IF NEW.id <> OLD.id OR NEW.lab_id <> OLD.lab_id THEN
            RAISE EXCEPTION 'dentatool: a record keeps its id and its laboratory' USING ERRCODE = 'DT005';
        END IF;
        NEW.version := OLD.version + 1;
        NEW.created_at := OLD.created_at;
    ELSE
        NEW.created_at := NEW.changed_at;
        NEW.version := 1;
    END IF;
    RETURN NEW;
END $$;

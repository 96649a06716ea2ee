-- Refuses a transaction that wrote fewer rows than it meant to, since another instance has written them meanwhile, as
-- PostgreSQL refuses other collisions: whoever began it tries again. So nobody waits for the count before sending COMMIT.
CREATE FUNCTION om.require_rows(written bigint, meant bigint) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
    IF written <> meant THEN
        RAISE EXCEPTION 'wrote % of % rows: another transaction has written the others meanwhile', written, meant
            USING ERRCODE = 'serialization_failure';
    END IF;
END
$$;

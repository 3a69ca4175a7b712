-- Seals of the audit log. Each covers the rows that carry its number, and the seal before it. `digest` follows from those; `mac`
-- only the holder of the key `key_id` can make. A seal that is archived has its rows in a file, and `archived_mac` says that the
-- holder of a key saw them there.
CREATE TABLE audit_seals (
    number       BIGINT PRIMARY KEY,
    first_at     BIGINT NOT NULL,
    last_at      BIGINT NOT NULL,
    entries      BIGINT NOT NULL,
    digest       TEXT   NOT NULL,
    mac          TEXT   NOT NULL,
    key_id       TEXT   NOT NULL,
    sealed_at    BIGINT NOT NULL,
    process      TEXT   NOT NULL,
    archived_at  BIGINT,
    archived_mac TEXT
);

CREATE TRIGGER audit_seals_under_a_live_key BEFORE INSERT ON audit_seals
FOR EACH ROW EXECUTE FUNCTION key_is_live();

CREATE FUNCTION audit_seals_do_not_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'a seal of the audit log does not change'; END $$;
CREATE TRIGGER audit_seals_archived_once BEFORE UPDATE ON audit_seals FOR EACH ROW
WHEN (OLD.archived_at IS NOT NULL OR NEW.archived_at IS NULL OR NEW.archived_mac IS NULL
    OR (NEW.number, NEW.first_at, NEW.last_at, NEW.entries, NEW.digest, NEW.mac, NEW.key_id, NEW.sealed_at, NEW.process)
    IS DISTINCT FROM
    (OLD.number, OLD.first_at, OLD.last_at, OLD.entries, OLD.digest, OLD.mac, OLD.key_id, OLD.sealed_at, OLD.process))
EXECUTE FUNCTION audit_seals_do_not_change();
CREATE TRIGGER audit_seals_no_delete BEFORE DELETE OR TRUNCATE ON audit_seals
FOR EACH STATEMENT EXECUTE FUNCTION audit_seals_do_not_change();

ALTER TABLE audit_log ADD COLUMN seal BIGINT;

CREATE INDEX audit_log_unsealed ON audit_log (at, id) WHERE seal IS NULL;
CREATE INDEX audit_log_seal ON audit_log (seal) WHERE seal IS NOT NULL;

-- A row gets its seal once, and nothing else of it changes. It is removed after its seal was archived only.
DROP TRIGGER audit_log_no_change ON audit_log;
CREATE TRIGGER audit_log_sealed_once BEFORE UPDATE ON audit_log FOR EACH ROW
WHEN (OLD.seal IS NOT NULL OR NEW.seal IS NULL
    OR (NEW.id, NEW.at, NEW.tenant_id, NEW.actor, NEW.event, NEW.subject, NEW.detail, NEW.request, NEW.address, NEW.process)
    IS DISTINCT FROM
    (OLD.id, OLD.at, OLD.tenant_id, OLD.actor, OLD.event, OLD.subject, OLD.detail, OLD.request, OLD.address, OLD.process))
EXECUTE FUNCTION audit_log_append_only();
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only();

CREATE FUNCTION audit_log_archived_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT 1 FROM audit_seals WHERE number = OLD.seal AND archived_at IS NOT NULL) THEN RETURN OLD; END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END $$;
CREATE TRIGGER audit_log_archived_first BEFORE DELETE ON audit_log
FOR EACH ROW EXECUTE FUNCTION audit_log_archived_first();

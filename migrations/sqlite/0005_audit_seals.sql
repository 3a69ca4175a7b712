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
WHEN EXISTS (SELECT 1 FROM encryption_keys WHERE kid = NEW.key_id AND retired_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the encryption key is retired'); END;

CREATE TRIGGER audit_seals_archived_once BEFORE UPDATE ON audit_seals
WHEN OLD.archived_at IS NOT NULL OR NEW.archived_at IS NULL OR NEW.archived_mac IS NULL
    OR NEW.number IS NOT OLD.number OR NEW.first_at IS NOT OLD.first_at OR NEW.last_at IS NOT OLD.last_at
    OR NEW.entries IS NOT OLD.entries OR NEW.digest IS NOT OLD.digest OR NEW.mac IS NOT OLD.mac
    OR NEW.key_id IS NOT OLD.key_id OR NEW.sealed_at IS NOT OLD.sealed_at OR NEW.process IS NOT OLD.process
BEGIN SELECT RAISE(ABORT, 'a seal of the audit log does not change'); END;
CREATE TRIGGER audit_seals_no_delete BEFORE DELETE ON audit_seals
BEGIN SELECT RAISE(ABORT, 'a seal of the audit log does not change'); END;

ALTER TABLE audit_log ADD COLUMN seal BIGINT;

CREATE INDEX audit_log_unsealed ON audit_log (at, id) WHERE seal IS NULL;
CREATE INDEX audit_log_seal ON audit_log (seal) WHERE seal IS NOT NULL;

-- A row gets its seal once, and nothing else of it changes. It is removed after its seal was archived only.
DROP TRIGGER audit_log_no_update;
DROP TRIGGER audit_log_no_delete;
CREATE TRIGGER audit_log_sealed_once BEFORE UPDATE ON audit_log
WHEN OLD.seal IS NOT NULL OR NEW.seal IS NULL
    OR NEW.id IS NOT OLD.id OR NEW.at IS NOT OLD.at OR NEW.tenant_id IS NOT OLD.tenant_id OR NEW.actor IS NOT OLD.actor
    OR NEW.event IS NOT OLD.event OR NEW.subject IS NOT OLD.subject OR NEW.detail IS NOT OLD.detail
    OR NEW.request IS NOT OLD.request OR NEW.address IS NOT OLD.address OR NEW.process IS NOT OLD.process
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_log_archived_first BEFORE DELETE ON audit_log
WHEN NOT EXISTS (SELECT 1 FROM audit_seals WHERE number = OLD.seal AND archived_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

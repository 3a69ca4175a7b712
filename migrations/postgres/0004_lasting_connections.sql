-- Which hosts work on this database, and the key that each encrypts with. A host shows that it is alive in `seen_at`.
CREATE TABLE hosts (
    id         TEXT   PRIMARY KEY,
    key_id     TEXT   NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
);

-- `lease_host` holds the lease; `refresh_refusals` are the last renewals that the provider refused one after the other. At
-- `tell_at` the owner is told that a token which cannot be renewed ends, or has ended. `display_folded` is the display name
-- without differences of case; the host fills it in.
ALTER TABLE app_connection ADD COLUMN lease_host TEXT;
ALTER TABLE app_connection ADD COLUMN refresh_refusals BIGINT NOT NULL DEFAULT 0;
ALTER TABLE app_connection ADD COLUMN tell_at BIGINT;
ALTER TABLE app_connection ADD COLUMN display_folded TEXT;

UPDATE app_connection SET tell_at = expires_at WHERE refresh_at IS NULL;

CREATE INDEX app_connection_refresh_at ON app_connection (refresh_at) WHERE refresh_at IS NOT NULL;
CREATE INDEX app_connection_tell_at ON app_connection (tell_at) WHERE tell_at IS NOT NULL;

-- The oldest version of seals that may be under a key. Version 1 is bound to table, tenant and primary key only.
ALTER TABLE encryption_keys ADD COLUMN oldest_seal BIGINT NOT NULL DEFAULT 1;

-- Nothing is sealed under a key that was retired, also by a host that has not heard of it. The lock lets a retirement wait for
-- what is being written.
CREATE FUNCTION key_is_live() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE retired BIGINT; BEGIN
    SELECT retired_at INTO retired FROM encryption_keys WHERE kid = NEW.key_id FOR SHARE;
    IF retired IS NOT NULL THEN RAISE EXCEPTION 'the encryption key is retired'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER app_connection_under_a_live_key BEFORE INSERT OR UPDATE OF key_id ON app_connection
FOR EACH ROW EXECUTE FUNCTION key_is_live();
CREATE TRIGGER platform_oauth_apps_under_a_live_key BEFORE INSERT OR UPDATE OF key_id ON platform_oauth_apps
FOR EACH ROW EXECUTE FUNCTION key_is_live();
CREATE TRIGGER oauth_sessions_under_a_live_key BEFORE INSERT OR UPDATE OF key_id ON oauth_sessions
FOR EACH ROW EXECUTE FUNCTION key_is_live();
CREATE TRIGGER webhook_endpoints_under_a_live_key BEFORE INSERT OR UPDATE OF key_id ON webhook_endpoints
FOR EACH ROW EXECUTE FUNCTION key_is_live();

-- The order of events is that in which their transactions ended, for each owner: `seq`. What was added in a transaction that may
-- still be running has an `xact` that is not below the oldest of those, so a reader knows what it may have missed.
ALTER TABLE connection_events ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE connection_events ADD COLUMN xact BIGINT NOT NULL DEFAULT 0;
ALTER TABLE webhook_deliveries ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;

UPDATE connection_events SET seq = numbered.seq
FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS seq FROM connection_events) AS numbered
WHERE numbered.id = connection_events.id;
UPDATE webhook_deliveries SET seq = e.seq FROM connection_events AS e WHERE e.id = webhook_deliveries.event_id;

CREATE INDEX connection_events_order ON connection_events (xact, seq);
CREATE INDEX connection_events_owner_order ON connection_events (tenant_id, owner_id, seq);
DROP INDEX connection_events_owner;
CREATE INDEX webhook_deliveries_order ON webhook_deliveries (status, endpoint_id, seq, event_id);
DROP INDEX webhook_deliveries_turn;

CREATE SEQUENCE connection_events_seq;
SELECT setval('connection_events_seq', COALESCE(MAX(seq), 0) + 1, false) FROM connection_events;

-- A user without an account, whose things moved to an account: what comes later goes there too.
ALTER TABLE users ADD COLUMN linked_to TEXT;

CREATE TRIGGER webhook_endpoints_moved AFTER UPDATE OF owner_id ON webhook_endpoints
FOR EACH ROW EXECUTE FUNCTION quota_rows('endpoints', 'tenant');

-- Tokens that are to be revoked at their providers: of connections that were removed, or given other tokens. `value` is
-- {iv, data, kid, mac, v}.
CREATE TABLE token_revocations (
    id            TEXT   PRIMARY KEY,
    tenant_id     TEXT   NOT NULL,
    connection_id TEXT   NOT NULL,
    piece_name    TEXT   NOT NULL,
    value         TEXT   NOT NULL,
    key_id        TEXT   NOT NULL,
    attempts      BIGINT NOT NULL DEFAULT 0,
    next_at       BIGINT NOT NULL,
    created_at    BIGINT NOT NULL
);

CREATE INDEX token_revocations_next_at ON token_revocations (next_at);
CREATE INDEX token_revocations_key_id ON token_revocations (key_id);
CREATE TRIGGER token_revocations_under_a_live_key BEFORE INSERT OR UPDATE OF key_id ON token_revocations
FOR EACH ROW EXECUTE FUNCTION key_is_live();

-- Each time that the database was restored from a backup. A connection on `trial` has a refresh token of that time, which may have
-- been used since: its first renewal shows whether it still works.
CREATE TABLE epochs (
    number      BIGINT PRIMARY KEY,
    restored_at BIGINT NOT NULL
);

ALTER TABLE app_connection ADD COLUMN trial BIGINT NOT NULL DEFAULT 0;

-- From which request a row of the audit log comes, sent from which address, and which process wrote it.
ALTER TABLE audit_log ADD COLUMN request TEXT;
ALTER TABLE audit_log ADD COLUMN address TEXT;
ALTER TABLE audit_log ADD COLUMN process TEXT;

CREATE INDEX audit_log_at ON audit_log (at, id);

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

-- Nothing is sealed under a key that was retired, also by a host that has not heard of it.
CREATE TRIGGER app_connection_added_under_a_live_key BEFORE INSERT ON app_connection
WHEN EXISTS (SELECT 1 FROM encryption_keys WHERE kid = NEW.key_id AND retired_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the encryption key is retired'); END;
CREATE TRIGGER app_connection_sealed_under_a_live_key BEFORE UPDATE OF key_id ON app_connection
WHEN EXISTS (SELECT 1 FROM encryption_keys WHERE kid = NEW.key_id AND retired_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the encryption key is retired'); END;
CREATE TRIGGER platform_oauth_apps_added_under_a_live_key BEFORE INSERT ON platform_oauth_apps
WHEN EXISTS (SELECT 1 FROM encryption_keys WHERE kid = NEW.key_id AND retired_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the encryption key is retired'); END;
CREATE TRIGGER platform_oauth_apps_sealed_under_a_live_key BEFORE UPDATE OF key_id ON platform_oauth_apps
WHEN EXISTS (SELECT 1 FROM encryption_keys WHERE kid = NEW.key_id AND retired_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the encryption key is retired'); END;
CREATE TRIGGER oauth_sessions_added_under_a_live_key BEFORE INSERT ON oauth_sessions
WHEN EXISTS (SELECT 1 FROM encryption_keys WHERE kid = NEW.key_id AND retired_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the encryption key is retired'); END;
CREATE TRIGGER oauth_sessions_sealed_under_a_live_key BEFORE UPDATE OF key_id ON oauth_sessions
WHEN EXISTS (SELECT 1 FROM encryption_keys WHERE kid = NEW.key_id AND retired_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the encryption key is retired'); END;
CREATE TRIGGER webhook_endpoints_added_under_a_live_key BEFORE INSERT ON webhook_endpoints
WHEN EXISTS (SELECT 1 FROM encryption_keys WHERE kid = NEW.key_id AND retired_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the encryption key is retired'); END;
CREATE TRIGGER webhook_endpoints_sealed_under_a_live_key BEFORE UPDATE OF key_id ON webhook_endpoints
WHEN EXISTS (SELECT 1 FROM encryption_keys WHERE kid = NEW.key_id AND retired_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the encryption key is retired'); END;

-- The order of events is that in which their transactions ended, for each owner: `seq`. What was added in a transaction that may
-- still be running has an `xact` that is not below the oldest of those, so a reader knows what it may have missed.
ALTER TABLE connection_events ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE connection_events ADD COLUMN xact BIGINT NOT NULL DEFAULT 0;
ALTER TABLE webhook_deliveries ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;

UPDATE connection_events SET seq = numbered.seq, xact = numbered.seq
FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS seq FROM connection_events) AS numbered
WHERE numbered.id = connection_events.id;
UPDATE webhook_deliveries SET seq = e.seq FROM connection_events AS e WHERE e.id = webhook_deliveries.event_id;

CREATE INDEX connection_events_order ON connection_events (xact, seq);
CREATE INDEX connection_events_owner_order ON connection_events (tenant_id, owner_id, seq);
DROP INDEX connection_events_owner;
CREATE INDEX webhook_deliveries_order ON webhook_deliveries (status, endpoint_id, seq, event_id);
DROP INDEX webhook_deliveries_turn;

CREATE TABLE event_sequence (last BIGINT NOT NULL);
INSERT INTO event_sequence SELECT COALESCE(MAX(seq), 0) FROM connection_events;

-- A user without an account, whose things moved to an account: what comes later goes there too.
ALTER TABLE users ADD COLUMN linked_to TEXT;

CREATE TRIGGER webhook_endpoints_moved AFTER UPDATE OF owner_id ON webhook_endpoints WHEN OLD.owner_id <> NEW.owner_id BEGIN
    UPDATE quota_usage SET used = used - 1
    WHERE tenant_id = OLD.tenant_id AND owner_id = OLD.owner_id AND what = 'endpoints';
    INSERT INTO quota_usage VALUES (NEW.tenant_id, NEW.owner_id, 'endpoints', 1)
    ON CONFLICT (tenant_id, owner_id, what) DO UPDATE SET used = quota_usage.used + 1;
END;

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
CREATE TRIGGER token_revocations_added_under_a_live_key BEFORE INSERT ON token_revocations
WHEN EXISTS (SELECT 1 FROM encryption_keys WHERE kid = NEW.key_id AND retired_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the encryption key is retired'); END;
CREATE TRIGGER token_revocations_sealed_under_a_live_key BEFORE UPDATE OF key_id ON token_revocations
WHEN EXISTS (SELECT 1 FROM encryption_keys WHERE kid = NEW.key_id AND retired_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the encryption key is retired'); END;

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

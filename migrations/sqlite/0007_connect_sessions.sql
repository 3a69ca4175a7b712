-- Links by which somebody enters the credentials of one connection, and tickets by which a browser opens a stream of events.

-- A link. `draft` is what it is for, encrypted. `taken_at` is when somebody's credentials were taken, who is the only one;
-- `connection_id` is what came of it, `said` what the last attempt ended with.
CREATE TABLE connect_sessions (
    token_hash    TEXT   PRIMARY KEY,
    id            TEXT   NOT NULL UNIQUE,
    tenant_id     TEXT   NOT NULL,
    owner_id      TEXT   NOT NULL,
    draft         TEXT   NOT NULL,
    key_id        TEXT   NOT NULL,
    attempts      BIGINT NOT NULL,
    taken_at      BIGINT,
    connection_id TEXT,
    said          TEXT,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL
);

CREATE INDEX connect_sessions_expires_at ON connect_sessions (expires_at);
CREATE INDEX connect_sessions_key_id ON connect_sessions (key_id);
CREATE INDEX connect_sessions_owner ON connect_sessions (tenant_id, owner_id);

-- `ends_at` is when the access token ends that the ticket was issued for: the stream ends then.
CREATE TABLE event_tickets (
    ticket_hash TEXT   PRIMARY KEY,
    tenant_id   TEXT   NOT NULL,
    owner_id    TEXT   NOT NULL,
    ends_at     BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);

CREATE INDEX event_tickets_expires_at ON event_tickets (expires_at);
CREATE INDEX event_tickets_owner ON event_tickets (tenant_id, owner_id);

CREATE TRIGGER connect_sessions_added_under_a_live_key BEFORE INSERT ON connect_sessions
WHEN EXISTS (SELECT 1 FROM encryption_keys WHERE kid = NEW.key_id AND retired_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the encryption key is retired'); END;
CREATE TRIGGER connect_sessions_sealed_under_a_live_key BEFORE UPDATE OF key_id ON connect_sessions
WHEN EXISTS (SELECT 1 FROM encryption_keys WHERE kid = NEW.key_id AND retired_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the encryption key is retired'); END;

CREATE TRIGGER connect_sessions_added AFTER INSERT ON connect_sessions BEGIN
    INSERT INTO quota_usage VALUES (NEW.tenant_id, '', 'connect-sessions', 1), (NEW.tenant_id, NEW.owner_id, 'connect-sessions', 1)
    ON CONFLICT (tenant_id, owner_id, what) DO UPDATE SET used = quota_usage.used + 1;
END;
CREATE TRIGGER connect_sessions_removed AFTER DELETE ON connect_sessions BEGIN
    UPDATE quota_usage SET used = used - 1
    WHERE tenant_id = OLD.tenant_id AND owner_id IN ('', OLD.owner_id) AND what = 'connect-sessions';
END;

CREATE TRIGGER event_tickets_added AFTER INSERT ON event_tickets BEGIN
    INSERT INTO quota_usage VALUES (NEW.tenant_id, '', 'event-tickets', 1), (NEW.tenant_id, NEW.owner_id, 'event-tickets', 1)
    ON CONFLICT (tenant_id, owner_id, what) DO UPDATE SET used = quota_usage.used + 1;
END;
CREATE TRIGGER event_tickets_removed AFTER DELETE ON event_tickets BEGIN
    UPDATE quota_usage SET used = used - 1
    WHERE tenant_id = OLD.tenant_id AND owner_id IN ('', OLD.owner_id) AND what = 'event-tickets';
END;

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

CREATE TRIGGER connect_sessions_under_a_live_key BEFORE INSERT OR UPDATE OF key_id ON connect_sessions
FOR EACH ROW EXECUTE FUNCTION key_is_live();

CREATE TRIGGER connect_sessions_counted AFTER INSERT OR DELETE ON connect_sessions
FOR EACH ROW EXECUTE FUNCTION quota_rows('connect-sessions', 'tenant');
CREATE TRIGGER event_tickets_counted AFTER INSERT OR DELETE ON event_tickets
FOR EACH ROW EXECUTE FUNCTION quota_rows('event-tickets', 'tenant');

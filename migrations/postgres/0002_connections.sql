-- The people of this host: users of Gauzy that have shown their token, and anonymous ones that this host made.
CREATE TABLE users (
    tenant_id  TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    anonymous  BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- Every key that ever encrypted something here. `kid` is a check value of the key: a wrong key has another.
CREATE TABLE encryption_keys (
    kid        TEXT   PRIMARY KEY,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);

-- Connections. `value` is {iv, data, kid, mac}; everything else is in the clear. `rev` grows with every change of the
-- value, `edition` with every change that a person makes: a refresh and somebody who renames do not disturb each other. A
-- refresh holds the lease; `refresh_started_at` without a result is the evidence of a crash.
CREATE TABLE app_connection (
    id                 TEXT   PRIMARY KEY,
    tenant_id          TEXT   NOT NULL,
    owner_id           TEXT   NOT NULL,
    external_id        TEXT   NOT NULL,
    display_name       TEXT   NOT NULL,
    type               TEXT   NOT NULL,
    status             TEXT   NOT NULL CHECK (status IN ('ACTIVE', 'MISSING', 'ERROR')),
    status_reason      TEXT,
    platform_id        TEXT,
    piece_name         TEXT   NOT NULL,
    piece_version      TEXT   NOT NULL,
    project_ids        TEXT   NOT NULL,
    scope              TEXT   NOT NULL CHECK (scope IN ('PROJECT', 'PLATFORM')),
    value              TEXT   NOT NULL,
    key_id             TEXT   NOT NULL,
    metadata           TEXT,
    rev                BIGINT NOT NULL,
    edition            BIGINT NOT NULL,
    expires_at         BIGINT,
    refresh_at         BIGINT,
    refresh_started_at BIGINT,
    refresh_failures   BIGINT NOT NULL DEFAULT 0,
    retry_at           BIGINT,
    lease_owner        TEXT,
    lease_until        BIGINT NOT NULL DEFAULT 0,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    FOREIGN KEY (tenant_id, owner_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX app_connection_owner_external_id ON app_connection (tenant_id, owner_id, external_id);
CREATE INDEX app_connection_owner_created_at ON app_connection (tenant_id, owner_id, created_at, id);
CREATE INDEX app_connection_key_id ON app_connection (key_id);

-- Metadata of pieces that this host knows without having their component.
CREATE TABLE piece_metadata (
    id                        TEXT   PRIMARY KEY,
    name                      TEXT   NOT NULL,
    version                   TEXT   NOT NULL,
    platform_id               TEXT   NOT NULL DEFAULT 'OFFICIAL',
    display_name              TEXT   NOT NULL,
    description               TEXT,
    logo_url                  TEXT   NOT NULL,
    authors                   TEXT   NOT NULL,
    categories                TEXT   NOT NULL,
    auth                      TEXT,
    actions                   TEXT   NOT NULL,
    triggers                  TEXT   NOT NULL,
    i18n                      TEXT,
    minimum_supported_release TEXT   NOT NULL,
    maximum_supported_release TEXT   NOT NULL,
    piece_type                TEXT   NOT NULL,
    package_type              TEXT   NOT NULL,
    created_at                BIGINT NOT NULL,
    updated_at                BIGINT NOT NULL
);

CREATE UNIQUE INDEX piece_metadata_name_version ON piece_metadata (name, version, platform_id);

-- Which step of which workflow uses which connection. The workflows themselves live elsewhere.
CREATE TABLE workflow_connection_ref (
    id                     TEXT   PRIMARY KEY,
    tenant_id              TEXT   NOT NULL,
    owner_id               TEXT   NOT NULL,
    workflow_id            TEXT   NOT NULL,
    node_id                TEXT   NOT NULL,
    connection_external_id TEXT   NOT NULL,
    piece_name             TEXT   NOT NULL,
    created_at             BIGINT NOT NULL,
    updated_at             BIGINT NOT NULL,
    FOREIGN KEY (tenant_id, owner_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX workflow_connection_ref_workflow ON workflow_connection_ref (tenant_id, owner_id, workflow_id, node_id);
CREATE INDEX workflow_connection_ref_external_id ON workflow_connection_ref (tenant_id, owner_id, connection_external_id);

-- OAuth clients that the operator registered, for PLATFORM_OAUTH2. `client_secret` is {iv, data, kid, mac}.
CREATE TABLE platform_oauth_apps (
    id            TEXT   PRIMARY KEY,
    tenant_id     TEXT   NOT NULL,
    piece_name    TEXT   NOT NULL,
    client_id     TEXT   NOT NULL,
    client_secret TEXT   NOT NULL,
    key_id        TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);

CREATE UNIQUE INDEX platform_oauth_apps_piece ON platform_oauth_apps (tenant_id, piece_name);
CREATE INDEX platform_oauth_apps_key_id ON platform_oauth_apps (key_id);

-- Sign-ins under way: from the authorization URL to the callback. `draft`, {iv, data, kid, mac}, holds what the exchange
-- needs. The state and the browser's cookie are kept as SHA-256.
CREATE TABLE oauth_sessions (
    state_hash   TEXT   PRIMARY KEY,
    tenant_id    TEXT   NOT NULL,
    owner_id     TEXT   NOT NULL,
    browser_hash TEXT   NOT NULL,
    draft        TEXT   NOT NULL,
    key_id       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);

CREATE INDEX oauth_sessions_expires_at ON oauth_sessions (expires_at);
CREATE INDEX oauth_sessions_key_id ON oauth_sessions (key_id);

-- What happened to connections, for their owners.
CREATE TABLE connection_events (
    id            TEXT   PRIMARY KEY,
    tenant_id     TEXT   NOT NULL,
    owner_id      TEXT   NOT NULL,
    type          TEXT   NOT NULL,
    payload       TEXT   NOT NULL,
    created_at    BIGINT NOT NULL
);

CREATE INDEX connection_events_owner ON connection_events (tenant_id, owner_id, id);
CREATE INDEX connection_events_created_at ON connection_events (created_at);

-- Where owners want events sent. `secret` is {iv, data, kid, mac}; `events` is a JSON list of types, empty for all. One
-- whose receiver said that it is gone is disabled.
CREATE TABLE webhook_endpoints (
    id          TEXT   PRIMARY KEY,
    tenant_id   TEXT   NOT NULL,
    owner_id    TEXT   NOT NULL,
    url         TEXT   NOT NULL,
    secret      TEXT   NOT NULL,
    key_id      TEXT   NOT NULL,
    events      TEXT   NOT NULL,
    disabled_at BIGINT,
    created_at  BIGINT NOT NULL,
    FOREIGN KEY (tenant_id, owner_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX webhook_endpoints_owner ON webhook_endpoints (tenant_id, owner_id);
CREATE INDEX webhook_endpoints_key_id ON webhook_endpoints (key_id);

-- One event on its way to one endpoint. DEAD: given up. A host that sends it has claimed it until `claimed_until`.
CREATE TABLE webhook_deliveries (
    id            TEXT   PRIMARY KEY,
    endpoint_id   TEXT   NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    event_id      TEXT   NOT NULL,
    type          TEXT   NOT NULL,
    payload       TEXT   NOT NULL,
    status        TEXT   NOT NULL CHECK (status IN ('PENDING', 'DELIVERED', 'DEAD')),
    attempts      BIGINT NOT NULL DEFAULT 0,
    next_at       BIGINT NOT NULL,
    claimed_until BIGINT NOT NULL DEFAULT 0,
    last_error    TEXT,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);

CREATE UNIQUE INDEX webhook_deliveries_event ON webhook_deliveries (endpoint_id, event_id);
CREATE INDEX webhook_deliveries_order ON webhook_deliveries (endpoint_id, status, event_id);
CREATE INDEX webhook_deliveries_status ON webhook_deliveries (status, updated_at);

-- Who did what to which secret. Rows are only ever added.
CREATE TABLE audit_log (
    id         TEXT   PRIMARY KEY,
    at         BIGINT NOT NULL,
    tenant_id  TEXT   NOT NULL,
    actor      TEXT   NOT NULL,
    event      TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    detail     TEXT   NOT NULL
);

CREATE INDEX audit_log_tenant_at ON audit_log (tenant_id, at);
CREATE INDEX audit_log_subject ON audit_log (subject, at);

CREATE FUNCTION audit_log_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$;
CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only();

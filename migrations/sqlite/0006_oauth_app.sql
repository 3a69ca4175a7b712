-- Clients of this host's authorization server, for all tenants where `tenant_id` is ''. `owner_id` registered them. `settings` and `secrets` (hashes) are
-- JSON; `code_secrets` is {iv, data, kid, mac, v}: what signs the codes of the client.
CREATE TABLE oauth_clients (
    id           TEXT   PRIMARY KEY,
    tenant_id    TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    settings     TEXT   NOT NULL,
    secrets      TEXT   NOT NULL,
    code_secrets TEXT   NOT NULL,
    key_id       TEXT   NOT NULL,
    active       BIGINT NOT NULL,
    owner_id     TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    expires_at   BIGINT
);

CREATE INDEX oauth_clients_key_id ON oauth_clients (key_id);
CREATE INDEX oauth_clients_tenant ON oauth_clients (tenant_id, created_at, id);
CREATE INDEX oauth_clients_expires_at ON oauth_clients (expires_at) WHERE expires_at IS NOT NULL;

-- Authorization requests that nobody has decided on. `tenant_id` is '', `owner_id` the address
-- that sent it; `decider` the first user who looked at
-- it, and the only one who may decide.
CREATE TABLE oauth_requests (
    id_hash    TEXT   PRIMARY KEY,
    tenant_id  TEXT   NOT NULL,
    owner_id   TEXT   NOT NULL,
    request    TEXT   NOT NULL,
    decider    TEXT,
    expires_at BIGINT NOT NULL
);

CREATE INDEX oauth_requests_expires_at ON oauth_requests (expires_at);

-- Codes that were not redeemed. `tries` counts requests that showed a code and did not fit it.
CREATE TABLE oauth_codes (
    jti_hash   TEXT   PRIMARY KEY,
    code       TEXT   NOT NULL,
    tries      BIGINT NOT NULL DEFAULT 0,
    expires_at BIGINT NOT NULL
);

CREATE INDEX oauth_codes_expires_at ON oauth_codes (expires_at);

-- What a user allowed a client. `subject` is who the user is, as JSON; `access_until` the end of the last access token.
CREATE TABLE oauth_grants (
    id           TEXT   PRIMARY KEY,
    tenant_id    TEXT   NOT NULL,
    owner_id     TEXT   NOT NULL,
    client_id    TEXT   NOT NULL,
    scope        TEXT   NOT NULL,
    resource     TEXT,
    subject      TEXT   NOT NULL,
    code_hash    TEXT   NOT NULL UNIQUE,
    created_at   BIGINT NOT NULL,
    used_at      BIGINT NOT NULL,
    access_until BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    revoked_at   BIGINT
);

CREATE INDEX oauth_grants_user ON oauth_grants (tenant_id, owner_id, created_at, id);
CREATE INDEX oauth_grants_client ON oauth_grants (client_id);
CREATE INDEX oauth_grants_expires_at ON oauth_grants (expires_at);
CREATE INDEX oauth_grants_revoked_at ON oauth_grants (revoked_at) WHERE revoked_at IS NOT NULL;

-- The refresh tokens of a grant. One that was used stays until it ends: who shows it again has stolen it, or was stolen from.
CREATE TABLE oauth_refresh_tokens (
    token_hash TEXT   PRIMARY KEY,
    grant_id   TEXT   NOT NULL REFERENCES oauth_grants (id) ON DELETE CASCADE,
    used_at    BIGINT,
    expires_at BIGINT NOT NULL
);

CREATE INDEX oauth_refresh_tokens_grant ON oauth_refresh_tokens (grant_id);
CREATE INDEX oauth_refresh_tokens_expires_at ON oauth_refresh_tokens (expires_at);

-- Users who are signed in to the pages of this host. `caller` is who they are, as JSON.
CREATE TABLE page_sessions (
    id_hash    TEXT   PRIMARY KEY,
    tenant_id  TEXT   NOT NULL,
    owner_id   TEXT   NOT NULL,
    caller     TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX page_sessions_user ON page_sessions (tenant_id, owner_id, expires_at);
CREATE INDEX page_sessions_expires_at ON page_sessions (expires_at);

CREATE TRIGGER oauth_clients_added_under_a_live_key BEFORE INSERT ON oauth_clients
WHEN EXISTS (SELECT 1 FROM encryption_keys WHERE kid = NEW.key_id AND retired_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the encryption key is retired'); END;
CREATE TRIGGER oauth_clients_sealed_under_a_live_key BEFORE UPDATE OF key_id ON oauth_clients
WHEN EXISTS (SELECT 1 FROM encryption_keys WHERE kid = NEW.key_id AND retired_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the encryption key is retired'); END;

CREATE TRIGGER oauth_clients_added AFTER INSERT ON oauth_clients BEGIN
    INSERT INTO quota_usage VALUES (NEW.tenant_id, '', 'oauth-clients', 1), (NEW.tenant_id, NEW.owner_id, 'oauth-clients', 1)
    ON CONFLICT (tenant_id, owner_id, what) DO UPDATE SET used = quota_usage.used + 1;
END;
CREATE TRIGGER oauth_clients_removed AFTER DELETE ON oauth_clients BEGIN
    UPDATE quota_usage SET used = used - 1
    WHERE tenant_id = OLD.tenant_id AND owner_id IN ('', OLD.owner_id) AND what = 'oauth-clients';
END;

CREATE TRIGGER oauth_requests_added AFTER INSERT ON oauth_requests BEGIN
    INSERT INTO quota_usage VALUES (NEW.tenant_id, '', 'oauth-requests', 1), (NEW.tenant_id, NEW.owner_id, 'oauth-requests', 1)
    ON CONFLICT (tenant_id, owner_id, what) DO UPDATE SET used = quota_usage.used + 1;
END;
CREATE TRIGGER oauth_requests_removed AFTER DELETE ON oauth_requests BEGIN
    UPDATE quota_usage SET used = used - 1
    WHERE tenant_id = OLD.tenant_id AND owner_id IN ('', OLD.owner_id) AND what = 'oauth-requests';
END;

CREATE TRIGGER oauth_grants_added AFTER INSERT ON oauth_grants BEGIN
    INSERT INTO quota_usage VALUES (NEW.tenant_id, '', 'oauth-grants', 1), (NEW.tenant_id, NEW.owner_id, 'oauth-grants', 1)
    ON CONFLICT (tenant_id, owner_id, what) DO UPDATE SET used = quota_usage.used + 1;
END;
CREATE TRIGGER oauth_grants_removed AFTER DELETE ON oauth_grants BEGIN
    UPDATE quota_usage SET used = used - 1
    WHERE tenant_id = OLD.tenant_id AND owner_id IN ('', OLD.owner_id) AND what = 'oauth-grants';
END;

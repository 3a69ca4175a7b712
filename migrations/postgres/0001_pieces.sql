-- Small state of pieces. `scope` is `flow` or `project`, `scope_id` which one; empty when the call belongs to none.
CREATE TABLE store_entries (
    tenant_id  TEXT   NOT NULL,
    piece      TEXT   NOT NULL,
    scope      TEXT   NOT NULL,
    scope_id   TEXT   NOT NULL,
    key        TEXT   NOT NULL,
    value      BYTEA  NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (tenant_id, piece, scope, scope_id, key)
);

CREATE INDEX store_entries_expires_at ON store_entries (expires_at) WHERE expires_at IS NOT NULL;

-- Which bytes were once served under which name and version.
CREATE TABLE piece_versions (
    name           TEXT   NOT NULL,
    version        TEXT   NOT NULL,
    digest         TEXT   NOT NULL,
    file           TEXT   NOT NULL,
    first_seen_at  BIGINT NOT NULL,
    last_loaded_at BIGINT NOT NULL,
    PRIMARY KEY (name, version, digest)
);

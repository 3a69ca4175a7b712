-- What each owner has of rows that are limited: `used` of `what`. The row with the owner '' is for all of a tenant; the owner
-- of what a piece stores is the piece. Triggers keep it, so no statement can forget to, and they write the tenant's row
-- first: two transactions never wait for each other.
CREATE TABLE quota_usage (
    tenant_id TEXT   NOT NULL,
    owner_id  TEXT   NOT NULL,
    what      TEXT   NOT NULL,
    used      BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, owner_id, what)
);

INSERT INTO quota_usage
SELECT tenant_id, '', 'connections', COUNT(*) FROM app_connection GROUP BY tenant_id
UNION ALL SELECT tenant_id, owner_id, 'connections', COUNT(*) FROM app_connection GROUP BY tenant_id, owner_id
UNION ALL SELECT tenant_id, '', 'sign-ins', COUNT(*) FROM oauth_sessions GROUP BY tenant_id
UNION ALL SELECT tenant_id, owner_id, 'sign-ins', COUNT(*) FROM oauth_sessions GROUP BY tenant_id, owner_id
UNION ALL SELECT tenant_id, '', 'endpoints', COUNT(*) FROM webhook_endpoints GROUP BY tenant_id
UNION ALL SELECT tenant_id, owner_id, 'endpoints', COUNT(*) FROM webhook_endpoints GROUP BY tenant_id, owner_id
UNION ALL SELECT tenant_id, owner_id, 'events', COUNT(*) FROM connection_events GROUP BY tenant_id, owner_id
UNION ALL SELECT tenant_id, piece, 'store-keys', COUNT(*) FROM store_entries GROUP BY tenant_id, piece
UNION ALL SELECT tenant_id, piece, 'store-bytes', CAST(SUM(LENGTH(value)) AS BIGINT) FROM store_entries GROUP BY tenant_id, piece;

CREATE FUNCTION quota_add(tenant TEXT, owner TEXT, what TEXT, amount BIGINT) RETURNS void LANGUAGE sql AS $$
    INSERT INTO quota_usage VALUES (tenant, owner, what, amount)
    ON CONFLICT (tenant_id, owner_id, what) DO UPDATE SET used = quota_usage.used + excluded.used
$$;

-- Rows of an owner. The first argument is what they are; with a second one, the tenant has a limit as well.
CREATE FUNCTION quota_rows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN
        IF TG_NARGS > 1 THEN PERFORM quota_add(NEW.tenant_id, '', TG_ARGV[0], 1); END IF;
        PERFORM quota_add(NEW.tenant_id, NEW.owner_id, TG_ARGV[0], 1);
    ELSIF TG_OP = 'DELETE' THEN
        IF TG_NARGS > 1 THEN PERFORM quota_add(OLD.tenant_id, '', TG_ARGV[0], -1); END IF;
        PERFORM quota_add(OLD.tenant_id, OLD.owner_id, TG_ARGV[0], -1);
    ELSIF OLD.owner_id <> NEW.owner_id THEN
        PERFORM quota_add(OLD.tenant_id, OLD.owner_id, TG_ARGV[0], -1);
        PERFORM quota_add(NEW.tenant_id, NEW.owner_id, TG_ARGV[0], 1);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER app_connection_counted AFTER INSERT OR DELETE OR UPDATE OF owner_id ON app_connection
FOR EACH ROW EXECUTE FUNCTION quota_rows('connections', 'tenant');
CREATE TRIGGER oauth_sessions_counted AFTER INSERT OR DELETE ON oauth_sessions
FOR EACH ROW EXECUTE FUNCTION quota_rows('sign-ins', 'tenant');
CREATE TRIGGER webhook_endpoints_counted AFTER INSERT OR DELETE ON webhook_endpoints
FOR EACH ROW EXECUTE FUNCTION quota_rows('endpoints', 'tenant');
CREATE TRIGGER connection_events_counted AFTER INSERT OR DELETE ON connection_events
FOR EACH ROW EXECUTE FUNCTION quota_rows('events');

CREATE FUNCTION quota_store() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM quota_add(NEW.tenant_id, NEW.piece, 'store-keys', 1);
        PERFORM quota_add(NEW.tenant_id, NEW.piece, 'store-bytes', LENGTH(NEW.value));
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM quota_add(OLD.tenant_id, OLD.piece, 'store-keys', -1);
        PERFORM quota_add(OLD.tenant_id, OLD.piece, 'store-bytes', -LENGTH(OLD.value));
    ELSIF LENGTH(OLD.value) <> LENGTH(NEW.value) THEN
        PERFORM quota_add(NEW.tenant_id, NEW.piece, 'store-bytes', LENGTH(NEW.value) - LENGTH(OLD.value));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER store_entries_counted AFTER INSERT OR DELETE OR UPDATE OF value ON store_entries
FOR EACH ROW EXECUTE FUNCTION quota_store();

-- Whose turn it is: jumps from one endpoint with pending deliveries to the next, and to the oldest of each.
CREATE INDEX webhook_deliveries_turn ON webhook_deliveries (status, endpoint_id, event_id);
DROP INDEX webhook_deliveries_order;

-- `slow`: the last attempt failed or took long, so others go first. `dropped`: events that were given up because too many
-- waited, which the next delivery tells.
ALTER TABLE webhook_endpoints ADD COLUMN slow BIGINT NOT NULL DEFAULT 0;
ALTER TABLE webhook_endpoints ADD COLUMN dropped BIGINT NOT NULL DEFAULT 0;

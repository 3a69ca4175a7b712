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
UNION ALL SELECT tenant_id, piece, 'store-bytes', SUM(LENGTH(value)) FROM store_entries GROUP BY tenant_id, piece;

CREATE TRIGGER app_connection_added AFTER INSERT ON app_connection BEGIN
    INSERT INTO quota_usage VALUES (NEW.tenant_id, '', 'connections', 1), (NEW.tenant_id, NEW.owner_id, 'connections', 1)
    ON CONFLICT (tenant_id, owner_id, what) DO UPDATE SET used = quota_usage.used + 1;
END;
CREATE TRIGGER app_connection_removed AFTER DELETE ON app_connection BEGIN
    UPDATE quota_usage SET used = used - 1
    WHERE tenant_id = OLD.tenant_id AND owner_id IN ('', OLD.owner_id) AND what = 'connections';
END;
CREATE TRIGGER app_connection_moved AFTER UPDATE OF owner_id ON app_connection WHEN OLD.owner_id <> NEW.owner_id BEGIN
    UPDATE quota_usage SET used = used - 1
    WHERE tenant_id = OLD.tenant_id AND owner_id = OLD.owner_id AND what = 'connections';
    INSERT INTO quota_usage VALUES (NEW.tenant_id, NEW.owner_id, 'connections', 1)
    ON CONFLICT (tenant_id, owner_id, what) DO UPDATE SET used = quota_usage.used + 1;
END;

CREATE TRIGGER oauth_sessions_added AFTER INSERT ON oauth_sessions BEGIN
    INSERT INTO quota_usage VALUES (NEW.tenant_id, '', 'sign-ins', 1), (NEW.tenant_id, NEW.owner_id, 'sign-ins', 1)
    ON CONFLICT (tenant_id, owner_id, what) DO UPDATE SET used = quota_usage.used + 1;
END;
CREATE TRIGGER oauth_sessions_removed AFTER DELETE ON oauth_sessions BEGIN
    UPDATE quota_usage SET used = used - 1
    WHERE tenant_id = OLD.tenant_id AND owner_id IN ('', OLD.owner_id) AND what = 'sign-ins';
END;

CREATE TRIGGER webhook_endpoints_added AFTER INSERT ON webhook_endpoints BEGIN
    INSERT INTO quota_usage VALUES (NEW.tenant_id, '', 'endpoints', 1), (NEW.tenant_id, NEW.owner_id, 'endpoints', 1)
    ON CONFLICT (tenant_id, owner_id, what) DO UPDATE SET used = quota_usage.used + 1;
END;
CREATE TRIGGER webhook_endpoints_removed AFTER DELETE ON webhook_endpoints BEGIN
    UPDATE quota_usage SET used = used - 1
    WHERE tenant_id = OLD.tenant_id AND owner_id IN ('', OLD.owner_id) AND what = 'endpoints';
END;

CREATE TRIGGER connection_events_added AFTER INSERT ON connection_events BEGIN
    INSERT INTO quota_usage VALUES (NEW.tenant_id, NEW.owner_id, 'events', 1)
    ON CONFLICT (tenant_id, owner_id, what) DO UPDATE SET used = quota_usage.used + 1;
END;
CREATE TRIGGER connection_events_removed AFTER DELETE ON connection_events BEGIN
    UPDATE quota_usage SET used = used - 1
    WHERE tenant_id = OLD.tenant_id AND owner_id = OLD.owner_id AND what = 'events';
END;

CREATE TRIGGER store_entries_added AFTER INSERT ON store_entries BEGIN
    INSERT INTO quota_usage
    VALUES (NEW.tenant_id, NEW.piece, 'store-keys', 1), (NEW.tenant_id, NEW.piece, 'store-bytes', LENGTH(NEW.value))
    ON CONFLICT (tenant_id, owner_id, what) DO UPDATE SET used = quota_usage.used + excluded.used;
END;
CREATE TRIGGER store_entries_removed AFTER DELETE ON store_entries BEGIN
    UPDATE quota_usage SET used = used - CASE what WHEN 'store-keys' THEN 1 ELSE LENGTH(OLD.value) END
    WHERE tenant_id = OLD.tenant_id AND owner_id = OLD.piece AND what IN ('store-keys', 'store-bytes');
END;
CREATE TRIGGER store_entries_changed AFTER UPDATE OF value ON store_entries BEGIN
    UPDATE quota_usage SET used = used + LENGTH(NEW.value) - LENGTH(OLD.value)
    WHERE tenant_id = NEW.tenant_id AND owner_id = NEW.piece AND what = 'store-bytes';
END;

-- Whose turn it is: jumps from one endpoint with pending deliveries to the next, and to the oldest of each.
CREATE INDEX webhook_deliveries_turn ON webhook_deliveries (status, endpoint_id, event_id);
DROP INDEX webhook_deliveries_order;

-- `slow`: the last attempt failed or took long, so others go first. `dropped`: events that were given up because too many
-- waited, which the next delivery tells.
ALTER TABLE webhook_endpoints ADD COLUMN slow BIGINT NOT NULL DEFAULT 0;
ALTER TABLE webhook_endpoints ADD COLUMN dropped BIGINT NOT NULL DEFAULT 0;

-- +goose Up
-- secret and old_secret are sealed. events is a JSON list; [] means all.
CREATE TABLE webhook_endpoints (
    id TEXT NOT NULL PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES teams (id),
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    participants TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    disabled_reason TEXT NOT NULL DEFAULT '',
    failing_since BIGINT,
    secret TEXT NOT NULL,
    old_secret TEXT NOT NULL DEFAULT '',
    old_secret_until BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);

CREATE INDEX webhook_endpoints_by_team ON webhook_endpoints (team_id, id);

-- What is sent. payload_objects is '' when it does not differ from payload.
CREATE TABLE webhook_messages (
    id TEXT NOT NULL PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES teams (id),
    bot_id TEXT NOT NULL DEFAULT '',
    event TEXT NOT NULL,
    payload TEXT NOT NULL,
    payload_objects TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL
);

CREATE INDEX webhook_messages_by_team ON webhook_messages (team_id, id);
CREATE INDEX webhook_messages_by_bot ON webhook_messages (bot_id, id) WHERE bot_id <> '';

-- One message on its way to one receiver; the pending rows are the sender's
-- queue. next_at is when a row is due; a sender that claims it moves next_at to
-- the end of its lease and puts its name into lease_by, so that a row whose
-- sender died becomes due again by itself. A lane is a receiver: rows of one
-- lane wait for each other, never for those of another. url, method and secret
-- (sealed) are those of a callback; an endpoint's are in its own row.
CREATE TABLE webhook_deliveries (
    id TEXT NOT NULL PRIMARY KEY,
    message_id TEXT NOT NULL REFERENCES webhook_messages (id),
    team_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    lane TEXT NOT NULL,
    endpoint_id TEXT NOT NULL DEFAULT '',
    url TEXT NOT NULL DEFAULT '',
    method TEXT NOT NULL DEFAULT '',
    secret TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL,
    attempt BIGINT NOT NULL DEFAULT 0,
    next_at BIGINT NOT NULL,
    lease_by TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (lane, next_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_by_message ON webhook_deliveries (message_id);

CREATE TABLE webhook_attempts (
    delivery_id TEXT NOT NULL REFERENCES webhook_deliveries (id),
    n BIGINT NOT NULL,
    at BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    status BIGINT NOT NULL,
    failure TEXT NOT NULL,
    error TEXT NOT NULL,
    response TEXT NOT NULL,
    PRIMARY KEY (delivery_id, n)
);

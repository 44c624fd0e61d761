-- +goose Up
-- The API that a bot was made with; it is told of in its words.
ALTER TABLE bots ADD COLUMN surface TEXT NOT NULL DEFAULT 'v2';

-- The API key that goes with what is told to a bot's own address, sealed.
ALTER TABLE bot_configs ADD COLUMN webhook_key TEXT NOT NULL DEFAULT '';

-- Whose words an endpoint is told in. secret of a v1 endpoint is an API key,
-- which goes with each message; a team has one such endpoint at most.
ALTER TABLE webhook_endpoints ADD COLUMN surface TEXT NOT NULL DEFAULT 'v2';
CREATE UNIQUE INDEX webhook_endpoints_v1 ON webhook_endpoints (team_id) WHERE surface = 'v1';

-- Events that a sync has changed, until its end tells of them in one message;
-- of teams with a v1 endpoint only.
CREATE TABLE calendar_changes (
    calendar_id TEXT NOT NULL REFERENCES calendars (id),
    event_id TEXT NOT NULL,
    PRIMARY KEY (calendar_id, event_id)
);

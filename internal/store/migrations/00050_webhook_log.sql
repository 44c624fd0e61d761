-- +goose Up
ALTER TABLE webhook_endpoints ADD COLUMN disabled_at BIGINT;

-- The running number of a bot's messages, from 1; 0 for messages that are not
-- about a bot.
ALTER TABLE webhook_messages ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0;
DROP INDEX webhook_messages_by_bot;
CREATE INDEX webhook_messages_by_sequence ON webhook_messages (bot_id, sequence) WHERE bot_id <> '';

-- The delivery that a replay repeats: the first one of its message to its
-- receiver; empty for a first one.
ALTER TABLE webhook_deliveries ADD COLUMN replay_of TEXT NOT NULL DEFAULT '';
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (team_id, endpoint_id, id);
CREATE INDEX webhook_deliveries_failed ON webhook_deliveries (endpoint_id, id) WHERE state IN ('exhausted', 'dropped');

-- response_headers is a JSON object of lists.
ALTER TABLE webhook_attempts ADD COLUMN url TEXT NOT NULL DEFAULT '';
ALTER TABLE webhook_attempts ADD COLUMN response_headers TEXT NOT NULL DEFAULT '';

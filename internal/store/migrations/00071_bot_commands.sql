-- +goose Up
-- What somebody wants of a bot that runs: to post a message, to pause, to go on.
-- A row lives as long as the request that made it waits for the outcome.
CREATE TABLE bot_commands (
    id TEXT NOT NULL PRIMARY KEY,
    team_id TEXT NOT NULL,
    bot_id TEXT NOT NULL REFERENCES bots (id),
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    state TEXT NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX bot_commands_open ON bot_commands (bot_id, id) WHERE state IN ('open', 'taken');
CREATE INDEX bot_commands_old ON bot_commands (expires_at);

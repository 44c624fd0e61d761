-- +goose Up
-- A bot that is to join at a time; the id becomes that of the bot. request is
-- sealed: it may hold keys and secrets. The columns beside it are for lists.
CREATE TABLE scheduled_bots (
    id TEXT NOT NULL PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES teams (id),
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    meeting_url TEXT NOT NULL,
    meeting_key TEXT NOT NULL,
    platform TEXT NOT NULL,
    join_at BIGINT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    extra TEXT,
    request TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    cancelled_at BIGINT
);

CREATE INDEX scheduled_bots_by_team ON scheduled_bots (team_id, join_at, id);
CREATE INDEX scheduled_bots_due ON scheduled_bots (join_at, id) WHERE status = 'scheduled';

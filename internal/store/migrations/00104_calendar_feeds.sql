-- +goose Up
-- Feeds of a team's calendars that programs subscribe to. Of the token in the
-- URL only the hash is kept.
CREATE TABLE calendar_feeds (
    id TEXT NOT NULL PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES teams (id),
    name TEXT NOT NULL,
    token_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    rotated_at BIGINT,
    used_at BIGINT
);

CREATE UNIQUE INDEX calendar_feeds_by_token ON calendar_feeds (token_hash);
CREATE INDEX calendar_feeds_by_team ON calendar_feeds (team_id, created_at, id);

-- +goose Up
CREATE INDEX bots_to_expire ON bots (team_id, ended_at) WHERE ended_at IS NOT NULL AND artifacts_deleted = FALSE;
CREATE INDEX artifacts_to_remove ON artifacts (bot_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX events_to_expire ON events (team_id, end_at);

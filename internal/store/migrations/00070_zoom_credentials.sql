-- +goose Up
-- A team's keys of Zoom. What is secret is in sealed; a deleted row stays, with
-- the time of its deletion.
CREATE TABLE zoom_credentials (
    id TEXT NOT NULL PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES teams (id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    zoom_user_id TEXT NOT NULL DEFAULT '',
    zoom_account_id TEXT NOT NULL DEFAULT '',
    zoom_email TEXT NOT NULL DEFAULT '',
    zoom_display_name TEXT NOT NULL DEFAULT '',
    scopes TEXT NOT NULL DEFAULT '',
    last_error TEXT NOT NULL DEFAULT '',
    last_error_at BIGINT,
    extra TEXT,
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);

CREATE INDEX zoom_credentials_by_team ON zoom_credentials (team_id, created_at, id) WHERE deleted_at IS NULL;

-- +goose Up
CREATE TABLE bots (
    id TEXT NOT NULL PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES teams (id),
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    meeting_url TEXT NOT NULL,
    meeting_key TEXT NOT NULL,
    platform TEXT NOT NULL,
    mode TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    joined_at BIGINT,
    exited_at BIGINT,
    ended_at BIGINT,
    duration_ms BIGINT,
    end_code TEXT NOT NULL DEFAULT '',
    end_message TEXT NOT NULL DEFAULT '',
    extra TEXT,
    artifacts_deleted BOOLEAN NOT NULL DEFAULT FALSE,
    leave_requested_at BIGINT,
    journal_seq BIGINT NOT NULL DEFAULT 0,
    host TEXT NOT NULL DEFAULT '',
    launched_at BIGINT
);

CREATE INDEX bots_by_team ON bots (team_id, created_at, id);
CREATE INDEX bots_by_status ON bots (team_id, status, created_at, id);
CREATE INDEX bots_by_ended ON bots (team_id, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX bots_live ON bots (host, id) WHERE ended_at IS NULL;

-- The parts of a bot that lists do not show. The last three are sealed.
CREATE TABLE bot_configs (
    bot_id TEXT NOT NULL PRIMARY KEY REFERENCES bots (id),
    team_id TEXT NOT NULL,
    config TEXT NOT NULL,
    callback_secret TEXT NOT NULL DEFAULT '',
    transcription_key TEXT NOT NULL DEFAULT '',
    zoom_obf_token TEXT NOT NULL DEFAULT ''
);

CREATE TABLE bot_transitions (
    bot_id TEXT NOT NULL REFERENCES bots (id),
    n BIGINT NOT NULL,
    team_id TEXT NOT NULL,
    status TEXT NOT NULL,
    at BIGINT NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (bot_id, n)
);

CREATE TABLE participants (
    bot_id TEXT NOT NULL REFERENCES bots (id),
    n BIGINT NOT NULL,
    team_id TEXT NOT NULL,
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    display_name TEXT NOT NULL DEFAULT '',
    picture TEXT NOT NULL DEFAULT '',
    talk_ms BIGINT NOT NULL DEFAULT 0,
    spoke BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (bot_id, n)
);

CREATE TABLE artifacts (
    bot_id TEXT NOT NULL REFERENCES bots (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    team_id TEXT NOT NULL,
    key TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    PRIMARY KEY (bot_id, kind, name)
);

-- The last bot sent to a meeting by a team; refuses a second one for a while
-- when allow_multiple_bots is false.
CREATE TABLE bot_claims (
    team_id TEXT NOT NULL,
    meeting_key TEXT NOT NULL,
    bot_id TEXT NOT NULL,
    claimed_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, meeting_key)
);

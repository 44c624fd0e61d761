-- +goose Up
-- The calendar event that a bot was sent for; '' for other bots.
ALTER TABLE bots ADD COLUMN event_id TEXT NOT NULL DEFAULT '';

-- A calendar that a team has connected. sync_at is when it is to be looked at
-- next, sync_by who does so now and sync_until how long that one may be silent.
CREATE TABLE calendars (
    id TEXT NOT NULL PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES teams (id),
    platform TEXT NOT NULL,
    raw_id TEXT NOT NULL,
    email TEXT NOT NULL,
    email_folded TEXT NOT NULL,
    name TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    metadata TEXT,
    status TEXT NOT NULL,
    status_message TEXT NOT NULL DEFAULT '',
    synced_at BIGINT,
    sync_status TEXT NOT NULL DEFAULT '',
    sync_error TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    cursor_text TEXT NOT NULL DEFAULT '',
    window_start BIGINT NOT NULL DEFAULT 0,
    window_end BIGINT NOT NULL DEFAULT 0,
    announced BOOLEAN NOT NULL DEFAULT FALSE,
    generation BIGINT NOT NULL DEFAULT 0,
    full_wanted BOOLEAN NOT NULL DEFAULT FALSE,
    roll_at BIGINT NOT NULL DEFAULT 0,
    sync_at BIGINT,
    sync_queued_at BIGINT,
    sync_by TEXT NOT NULL DEFAULT '',
    sync_until BIGINT NOT NULL DEFAULT 0,
    sync_started_at BIGINT NOT NULL DEFAULT 0,
    sync_failures BIGINT NOT NULL DEFAULT 0,
    channel_id TEXT NOT NULL DEFAULT '',
    channel_provider_id TEXT NOT NULL DEFAULT '',
    channel_expires BIGINT,
    watch_at BIGINT,
    watch_failures BIGINT NOT NULL DEFAULT 0
);

CREATE UNIQUE INDEX calendars_once ON calendars (team_id, platform, raw_id) WHERE deleted_at IS NULL;
CREATE INDEX calendars_by_team ON calendars (team_id, created_at, id);
CREATE INDEX calendars_to_sync ON calendars (sync_at) WHERE deleted_at IS NULL AND sync_at IS NOT NULL;
CREATE INDEX calendars_in_sync ON calendars (sync_until) WHERE deleted_at IS NULL AND sync_by <> '';
CREATE INDEX calendars_to_watch ON calendars (watch_at) WHERE deleted_at IS NULL AND watch_at IS NOT NULL;

-- What a connection's access rests on: credentials and tokens, sealed as one.
-- lock_by refreshes the token until lock_until.
CREATE TABLE calendar_grants (
    calendar_id TEXT NOT NULL PRIMARY KEY REFERENCES calendars (id),
    team_id TEXT NOT NULL,
    sealed TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    lock_by TEXT NOT NULL DEFAULT '',
    lock_until BIGINT NOT NULL DEFAULT 0
);

-- Push channels; the row is there before the service is asked for one.
CREATE TABLE calendar_channels (
    id TEXT NOT NULL PRIMARY KEY,
    team_id TEXT NOT NULL,
    calendar_id TEXT NOT NULL REFERENCES calendars (id),
    provider_id TEXT NOT NULL DEFAULT '',
    secret_hash TEXT NOT NULL,
    live BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE INDEX calendar_channels_by_calendar ON calendar_channels (calendar_id);

-- fields is a master's, compressed JSON; NULL for a series of one.
CREATE TABLE event_series (
    id TEXT NOT NULL PRIMARY KEY,
    team_id TEXT NOT NULL,
    calendar_id TEXT NOT NULL REFERENCES calendars (id),
    provider_id TEXT NOT NULL,
    recurring BOOLEAN NOT NULL,
    uid TEXT NOT NULL,
    lineage TEXT NOT NULL,
    fields BYTEA,
    hash TEXT NOT NULL,
    bot_scheduled BOOLEAN NOT NULL DEFAULT FALSE,
    generation BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);

CREATE UNIQUE INDEX event_series_by_provider ON event_series (calendar_id, provider_id);
CREATE INDEX event_series_in_order ON event_series (calendar_id, created_at, id);
CREATE INDEX event_series_by_uid ON event_series (calendar_id, uid) WHERE recurring;
CREATE INDEX event_series_by_lineage ON event_series (calendar_id, lineage) WHERE recurring AND lineage <> '';

-- One occurrence. All-day events begin and end at midnight UTC of their dates.
CREATE TABLE events (
    id TEXT NOT NULL PRIMARY KEY,
    team_id TEXT NOT NULL,
    calendar_id TEXT NOT NULL REFERENCES calendars (id),
    series_id TEXT NOT NULL REFERENCES event_series (id),
    recurring BOOLEAN NOT NULL,
    provider_id TEXT NOT NULL,
    slot_at BIGINT,
    title TEXT NOT NULL,
    start_at BIGINT NOT NULL,
    end_at BIGINT NOT NULL,
    all_day BOOLEAN NOT NULL,
    zone TEXT NOT NULL,
    status TEXT NOT NULL,
    declined BOOLEAN NOT NULL,
    not_meeting BOOLEAN NOT NULL,
    exception BOOLEAN NOT NULL,
    meeting_url TEXT NOT NULL,
    meeting_platform TEXT NOT NULL,
    meeting_key TEXT NOT NULL,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    raw_hash TEXT NOT NULL,
    generation BIGINT NOT NULL,
    bot_scheduled BOOLEAN NOT NULL DEFAULT FALSE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);

CREATE UNIQUE INDEX events_by_provider ON events (calendar_id, provider_id);
CREATE INDEX events_in_order ON events (calendar_id, start_at, id);
CREATE INDEX events_by_series ON events (series_id, start_at, id);

-- The parts of an event that lists do not show, compressed JSON.
CREATE TABLE event_details (
    event_id TEXT NOT NULL PRIMARY KEY REFERENCES events (id),
    team_id TEXT NOT NULL,
    details BYTEA NOT NULL,
    raw BYTEA
);

-- What users asked for. event_id is '' for all occurrences of the series.
CREATE TABLE bot_rules (
    id TEXT NOT NULL PRIMARY KEY,
    team_id TEXT NOT NULL,
    calendar_id TEXT NOT NULL REFERENCES calendars (id),
    series_id TEXT NOT NULL REFERENCES event_series (id),
    event_id TEXT NOT NULL,
    off BOOLEAN NOT NULL,
    settings TEXT NOT NULL, -- sealed
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE UNIQUE INDEX bot_rules_once ON bot_rules (series_id, event_id);

-- The bot of an event: one row for each, so that there is never a second one.
CREATE TABLE calendar_bots (
    event_id TEXT NOT NULL PRIMARY KEY REFERENCES events (id),
    team_id TEXT NOT NULL,
    calendar_id TEXT NOT NULL REFERENCES calendars (id),
    rule_id TEXT NOT NULL,
    bot_id TEXT NOT NULL,
    state TEXT NOT NULL,
    join_at BIGINT NOT NULL,
    meeting_url TEXT NOT NULL,
    meeting_platform TEXT NOT NULL,
    meeting_key TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE INDEX calendar_bots_due ON calendar_bots (join_at) WHERE state = 'scheduled';
CREATE INDEX calendar_bots_by_meeting ON calendar_bots (team_id, meeting_key, join_at) WHERE state = 'completed';
CREATE INDEX calendar_bots_by_bot ON calendar_bots (bot_id);
CREATE INDEX calendar_bots_by_calendar ON calendar_bots (calendar_id);

-- Held while somebody decides whether a meeting has a bot of the team.
CREATE TABLE meeting_locks (
    team_id TEXT NOT NULL,
    meeting_key TEXT NOT NULL,
    locked_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, meeting_key)
);

-- Why an event got a bot or not.
CREATE TABLE event_decisions (
    event_id TEXT NOT NULL REFERENCES events (id),
    n BIGINT NOT NULL,
    team_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    bot_id TEXT NOT NULL,
    join_at BIGINT,
    PRIMARY KEY (event_id, n)
);

-- +goose Up
-- stale_at: since then something was written at the service that the stored
-- events may not show yet; a sync that begins later clears it. edits grows with
-- each write, so that an answer of before is not kept after it. preferred: where
-- the team's new events go.
ALTER TABLE calendars ADD COLUMN stale_at BIGINT;
ALTER TABLE calendars ADD COLUMN edits BIGINT NOT NULL DEFAULT 0;
ALTER TABLE calendars ADD COLUMN preferred BOOLEAN NOT NULL DEFAULT FALSE;

-- The merged list reads the first events of many calendars from the index alone.
-- What lasts longer than a day has an index of its own, so that the other need
-- not begin earlier than a day before the range.
CREATE INDEX events_agenda ON events (calendar_id, all_day, start_at, id, end_at) WHERE deleted_at IS NULL AND status <> 'cancelled';
CREATE INDEX events_long ON events (calendar_id, end_at) WHERE deleted_at IS NULL AND status <> 'cancelled' AND end_at - start_at > 86400000;

-- What a service said about a month that is not kept current, compressed JSON.
-- Kept for minutes.
CREATE TABLE calendar_lookups (
    calendar_id TEXT NOT NULL REFERENCES calendars (id),
    month_at BIGINT NOT NULL,
    team_id TEXT NOT NULL,
    events BYTEA NOT NULL,
    fetched_at BIGINT NOT NULL,
    PRIMARY KEY (calendar_id, month_at)
);

CREATE INDEX calendar_lookups_by_age ON calendar_lookups (fetched_at);

-- Requests that carry a key of the caller's own, and what they came to. answer
-- is NULL while somebody works on it, until busy_until. request_id is what the
-- service knows a repetition by.
CREATE TABLE request_keys (
    team_id TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    request_id TEXT NOT NULL,
    answer BYTEA,
    created_at BIGINT NOT NULL,
    busy_until BIGINT NOT NULL,
    PRIMARY KEY (team_id, key)
);

CREATE INDEX request_keys_by_age ON request_keys (created_at);

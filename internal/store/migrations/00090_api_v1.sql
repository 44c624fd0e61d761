-- +goose Up
-- How far ahead a user wants a calendar to be read, beyond the usual; 0: no further.
ALTER TABLE calendars ADD COLUMN reach_at BIGINT NOT NULL DEFAULT 0;

-- Who an event is from and for, in lower case, to be looked for: attendees are
-- separated, begun and ended by line breaks. NULL in rows of earlier versions,
-- which the next migration fills.
ALTER TABLE event_details ADD COLUMN organizer TEXT;
ALTER TABLE event_details ADD COLUMN attendees TEXT;

-- Bots of events in the same meeting are one unless this differs.
ALTER TABLE calendar_bots ADD COLUMN dedup_key TEXT NOT NULL DEFAULT '';

-- The password of an app of Zoom that one bot was given, sealed.
ALTER TABLE bot_configs ADD COLUMN zoom_sdk_pwd TEXT NOT NULL DEFAULT '';

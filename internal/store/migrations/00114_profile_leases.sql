-- +goose Up
-- Which bot uses a signed-in browser profile of the operator. Some platforms make
-- one attendee of two who use the same account, so no two bots have one at a time.
-- A row counts until its bot has left its meeting.
CREATE TABLE profile_leases (
    platform TEXT NOT NULL,
    name TEXT NOT NULL,
    bot_id TEXT NOT NULL,
    taken_at BIGINT NOT NULL,
    PRIMARY KEY (platform, name)
);

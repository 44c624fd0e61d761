-- +goose Up
-- Recordings that are to be transcribed, or were. An open one (queued,
-- processing) is taken by a server, lease_by, until next_at, which it moves on
-- while it lives. ending is how the bot ends when it is through, NULL for another
-- transcript of a bot that has ended.
CREATE TABLE transcriptions (
    id TEXT NOT NULL PRIMARY KEY,
    team_id TEXT NOT NULL,
    bot_id TEXT NOT NULL REFERENCES bots (id),
    provider TEXT NOT NULL,
    own_key TEXT NOT NULL,
    custom TEXT,
    ending TEXT,
    webhook_url TEXT NOT NULL,
    webhook_key TEXT NOT NULL,
    state TEXT NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    keep_at_service BOOLEAN NOT NULL DEFAULT FALSE,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    next_at BIGINT NOT NULL,
    lease_by TEXT NOT NULL DEFAULT ''
);

CREATE INDEX transcriptions_due ON transcriptions (next_at) WHERE state IN ('queued', 'processing');
CREATE INDEX transcriptions_of_bot ON transcriptions (bot_id, created_at);

-- The chunks of each: what the service was given under which tag, where its audio
-- is there (upload), and the id of its job. All of it is written before anything
-- acts on it. The job's id goes when the service was told to delete it.
CREATE TABLE transcription_parts (
    transcription_id TEXT NOT NULL REFERENCES transcriptions (id),
    channel INTEGER NOT NULL,
    n INTEGER NOT NULL,
    tag TEXT NOT NULL,
    clock TEXT NOT NULL,
    upload TEXT NOT NULL,
    job_id TEXT NOT NULL,
    heard BOOLEAN NOT NULL,
    anew INTEGER NOT NULL,
    began_at BIGINT NOT NULL,
    PRIMARY KEY (transcription_id, channel, n)
);

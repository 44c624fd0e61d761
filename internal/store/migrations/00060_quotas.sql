-- +goose Up
-- What a team may have, and its tokens in thousandths. NULL is the default.
-- Whoever decides about the team's next bot holds the row.
CREATE TABLE quotas (
    team_id TEXT NOT NULL PRIMARY KEY REFERENCES teams (id),
    requests_per_second BIGINT,
    bots_per_day BIGINT,
    calendars BIGINT,
    retention_days BIGINT,
    byok BOOLEAN,
    limited BOOLEAN NOT NULL DEFAULT FALSE,
    balance BIGINT NOT NULL DEFAULT 0,
    reserved BIGINT NOT NULL DEFAULT 0,
    starts BIGINT NOT NULL DEFAULT 0,
    entries BIGINT NOT NULL DEFAULT 0
);

-- Every movement of tokens. amount is what it adds to the balance, held what it
-- adds to the reservations; balance, reserved and limited are those after it.
-- start_n numbers the rows that count for the daily cap.
CREATE TABLE token_ledger (
    team_id TEXT NOT NULL REFERENCES teams (id),
    n BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    bot_id TEXT NOT NULL,
    amount BIGINT NOT NULL,
    held BIGINT NOT NULL,
    recording BIGINT NOT NULL,
    transcription BIGINT NOT NULL,
    byok_transcription BIGINT NOT NULL,
    streaming_input BIGINT NOT NULL,
    streaming_output BIGINT NOT NULL,
    balance BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    limited BOOLEAN NOT NULL,
    note TEXT NOT NULL,
    start_n BIGINT,
    PRIMARY KEY (team_id, n)
);

CREATE UNIQUE INDEX token_ledger_starts ON token_ledger (team_id, start_n) WHERE start_n IS NOT NULL;
CREATE INDEX token_ledger_by_bot ON token_ledger (bot_id) WHERE bot_id <> '';

-- The second in which a team's requests are counted now.
CREATE TABLE request_windows (
    team_id TEXT NOT NULL PRIMARY KEY,
    begun_at BIGINT NOT NULL,
    used BIGINT NOT NULL
);

-- +goose Up
-- What was said in meetings whose bots were asked for a live transcript. seq is
-- the number of the entry in the bot's journal that it stands in.
CREATE TABLE bot_utterances (
    bot_id TEXT NOT NULL REFERENCES bots (id),
    seq BIGINT NOT NULL,
    team_id TEXT NOT NULL,
    speaker TEXT NOT NULL,
    person BIGINT NOT NULL,
    text TEXT NOT NULL,
    language TEXT NOT NULL,
    start_ms BIGINT NOT NULL,
    end_ms BIGINT NOT NULL,
    PRIMARY KEY (bot_id, seq)
);

-- The caller's own key of the service that transcribes live, sealed.
ALTER TABLE bot_configs ADD COLUMN live_key TEXT NOT NULL DEFAULT '';

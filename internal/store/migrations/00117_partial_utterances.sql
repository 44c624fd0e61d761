-- +goose Up
-- What is being said just now in meetings whose bots tell that: one list for each,
-- of which nothing is kept.
CREATE TABLE bot_partials (
    bot_id TEXT NOT NULL PRIMARY KEY REFERENCES bots (id),
    team_id TEXT NOT NULL,
    said TEXT NOT NULL
);

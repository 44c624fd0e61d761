-- +goose Up
-- Numbers of what has a UUID, for those who ask for integers: given when they
-- are first asked for, and never again to something else. counters holds the
-- last one: of teams, and of what belongs to each team.
CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    n BIGINT NOT NULL
);

CREATE TABLE numbers (
    id TEXT NOT NULL PRIMARY KEY,
    n BIGINT NOT NULL
);

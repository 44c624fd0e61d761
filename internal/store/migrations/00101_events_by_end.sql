-- +goose Up
-- An index that begins with the team is what SQLite takes, without statistics,
-- for every query that names the team: it read all events of a team to find a
-- few by their ids.
DROP INDEX events_to_expire;
CREATE INDEX events_to_expire ON events (end_at, team_id);

-- +goose Up
-- What lasts longer than four hours, or all-day events of more than a day: the
-- merged list need not begin long before its range for the others.
DROP INDEX events_long;
CREATE INDEX events_long ON events (calendar_id, end_at) WHERE deleted_at IS NULL AND status <> 'cancelled'
    AND end_at - start_at > CASE WHEN all_day THEN 86400000 ELSE 14400000 END;

-- +goose Up
-- The service has told that the job of this part has ended. It is not believed,
-- but asked now.
ALTER TABLE transcription_parts ADD COLUMN called BOOLEAN NOT NULL DEFAULT FALSE;

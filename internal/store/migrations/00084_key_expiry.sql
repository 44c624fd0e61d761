-- +goose Up
-- NULL: the key is good until it is revoked.
ALTER TABLE api_keys ADD COLUMN expires_at BIGINT;

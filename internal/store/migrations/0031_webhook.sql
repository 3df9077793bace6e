-- Addresses that are told of events. Owned by internal/webhook.
-- failing is since when nothing was taken, 0 where the last delivery was.
CREATE TABLE webhooks (
  id       TEXT PRIMARY KEY,
  url      TEXT NOT NULL,
  events   TEXT NOT NULL,
  team     TEXT NOT NULL,
  secret   TEXT NOT NULL,
  actor    TEXT NOT NULL,
  created  BIGINT NOT NULL,
  disabled BIGINT NOT NULL,
  reason   TEXT NOT NULL,
  failing  BIGINT NOT NULL
);
-- Every event on its way. next is when it is due, or until when a server has it.
CREATE TABLE deliveries (
  id       TEXT PRIMARY KEY,
  webhook  TEXT NOT NULL,
  seq      BIGINT NOT NULL,
  type     TEXT NOT NULL,
  body     TEXT NOT NULL,
  state    TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  next     BIGINT NOT NULL,
  status   BIGINT NOT NULL,
  error    TEXT NOT NULL,
  created  BIGINT NOT NULL,
  ended    BIGINT NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (webhook, next) WHERE state = 'pending';
CREATE INDEX deliveries_webhook ON deliveries (webhook, id);
CREATE INDEX deliveries_ended ON deliveries (ended);
-- How far the events have been turned into deliveries.
CREATE TABLE webhook_cursor (
  id  BIGINT PRIMARY KEY,
  seq BIGINT NOT NULL
);
INSERT INTO webhook_cursor (id, seq) VALUES (1, 0);

-- What services ask of each other. Owned by internal/platform.
ALTER TABLE environments ADD COLUMN calls TEXT NOT NULL DEFAULT 'open';
-- counted is what the node that began at since has counted of requests and refused
-- when it was last asked: its counters begin anew with it.
CREATE TABLE calls (
  caller          TEXT NOT NULL,
  target          TEXT NOT NULL,
  env             TEXT NOT NULL,
  requests        BIGINT NOT NULL,
  refused         BIGINT NOT NULL,
  first           BIGINT NOT NULL,
  last            BIGINT NOT NULL,
  since           BIGINT NOT NULL,
  counted         BIGINT NOT NULL,
  counted_refused BIGINT NOT NULL,
  PRIMARY KEY (caller, target, env)
);

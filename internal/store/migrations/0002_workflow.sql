-- The one executor: its epoch fences an older one, and seq is the number of the
-- last event. Both are in one row, so that a settle checks the first and draws
-- the second in one statement, and numbers become visible in their order.
CREATE TABLE executor (
    id      BIGINT PRIMARY KEY,
    epoch   BIGINT NOT NULL,
    seq     BIGINT NOT NULL,
    holder  TEXT   NOT NULL,
    backend TEXT   NOT NULL,
    expires BIGINT NOT NULL
);
INSERT INTO executor (id, epoch, seq, holder, backend, expires) VALUES (1, 0, 0, '', '', 0);

-- canceled is who canceled the run. key is unique among runs that have not ended.
CREATE TABLE runs (
    id       TEXT   PRIMARY KEY,
    kind     TEXT   NOT NULL,
    title    TEXT   NOT NULL,
    service  TEXT   NOT NULL,
    team     TEXT   NOT NULL,
    actor    TEXT   NOT NULL,
    parent   TEXT   NOT NULL,
    key      TEXT   NOT NULL,
    state    TEXT   NOT NULL,
    canceled TEXT   NOT NULL,
    reason   TEXT   NOT NULL,
    hint     TEXT   NOT NULL,
    input    TEXT   NOT NULL,
    attempts BIGINT NOT NULL,
    created  BIGINT NOT NULL,
    started  BIGINT NOT NULL,
    ended    BIGINT NOT NULL
);
CREATE UNIQUE INDEX runs_key ON runs (key) WHERE key <> '' AND ended = 0;
CREATE INDEX runs_parent ON runs (parent);
CREATE INDEX runs_created ON runs (created, id);
CREATE INDEX runs_service ON runs (service, created, id);
CREATE INDEX runs_ended ON runs (ended);

-- Durations are microseconds, like times. awaits says what a waiting step waits
-- for: signal, run, or handler (this pave has none of that name). resumed: the
-- next start goes on with the same attempt.
CREATE TABLE steps (
    run            TEXT   NOT NULL,
    key            TEXT   NOT NULL,
    position       BIGINT NOT NULL,
    title          TEXT   NOT NULL,
    handler        TEXT   NOT NULL,
    needs          TEXT   NOT NULL,
    input          TEXT   NOT NULL,
    team           TEXT   NOT NULL,
    retry_attempts BIGINT NOT NULL,
    retry_base     BIGINT NOT NULL,
    retry_max      BIGINT NOT NULL,
    timeout        BIGINT NOT NULL,
    quiet          BIGINT NOT NULL,
    always         BIGINT NOT NULL,
    state          TEXT   NOT NULL,
    attempt        BIGINT NOT NULL,
    failures       BIGINT NOT NULL,
    resumed        BIGINT NOT NULL,
    run_at         BIGINT NOT NULL,
    started        BIGINT NOT NULL,
    ended          BIGINT NOT NULL,
    summary        TEXT   NOT NULL,
    reason         TEXT   NOT NULL,
    hint           TEXT   NOT NULL,
    output         TEXT   NOT NULL,
    awaits         TEXT   NOT NULL,
    child          TEXT   NOT NULL,
    signal         TEXT   NOT NULL,
    deadline       BIGINT NOT NULL,
    payload        TEXT   NOT NULL,
    PRIMARY KEY (run, key)
);
-- One index for each state that is looked for: SQLite uses a partial index only
-- where a query repeats its condition.
CREATE INDEX steps_ready ON steps (run_at) WHERE state = 'ready';
CREATE INDEX steps_running ON steps (team) WHERE state = 'running';
CREATE INDEX steps_waiting ON steps (deadline) WHERE state = 'waiting';
CREATE INDEX steps_child ON steps (child) WHERE child <> '';

-- Signals nobody has waited for yet.
CREATE TABLE signals (
    id      TEXT   PRIMARY KEY,
    run     TEXT   NOT NULL,
    name    TEXT   NOT NULL,
    payload TEXT   NOT NULL,
    at      BIGINT NOT NULL
);
CREATE INDEX signals_run ON signals (run, name, id);

CREATE TABLE events (
    seq     BIGINT PRIMARY KEY,
    run     TEXT   NOT NULL,
    service TEXT   NOT NULL,
    step    TEXT   NOT NULL,
    type    TEXT   NOT NULL,
    actor   TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    data    TEXT   NOT NULL
);
CREATE INDEX events_run ON events (run, seq);
CREATE INDEX events_service ON events (service, seq);

-- The run that restarted what a rollout brought; "" where nobody did.
ALTER TABLE rollouts ADD COLUMN start TEXT NOT NULL DEFAULT '';

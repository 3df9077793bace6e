-- How an organisation was signed in to when it was imported, so that it is looked at also
-- when new repositories are made elsewhere by now: settings, and the ids of sealed values.
ALTER TABLE imports ADD COLUMN binding TEXT NOT NULL DEFAULT '';

// Package resource is the graph of real things behind a service: which there
// should be (Expand), how that differs from what is there (Diff), how one of them
// is made so (Apply, as a step of a run), and what was done (the journal).
//
// A Driver makes one kind of resource real in one technology. The package knows
// kinds and providers by name only; drivers are registered by hand where the
// platform is put together. Every effect has a journal row before it happens and
// is recorded before the next step; the immutable id of the resource is the
// marker on the thing itself, so that a step that runs again after a crash adopts
// what it made and refuses what somebody else made.
package resource

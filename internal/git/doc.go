// Package git is the one way pave works with git: Run is the only place that
// executes it, Create builds repositories from files, Head, Log, Files and Export
// read them, and Handler serves them over HTTP.
//
// A repository is a bare folder on disk. Those that Create makes carry the id of
// their resource in their configuration, the marker, so that pave never takes a
// foreign folder for its own.
//
// Values that come from people are of the types Ref and Revision, or go through
// Options.Operands and Options.Paths; none of them can become an option of git.
//
// The package knows no service, no user and no driver: who may read or write a
// repository, and where it lies, are functions its caller gives.
package git

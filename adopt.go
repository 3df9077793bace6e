package pave

import (
	"context"
	"io"
	"time"
)

// Adopt asks for a service of a repository that no template made. What the code says
// of itself is detected; the fields are what it does not say, or should be otherwise.
type Adopt struct {
	Name         string            `json:"name"`
	Team         string            `json:"team"`
	Source       string            `json:"source"` // id of what was brought before
	Environments []string          `json:"environments,omitempty"`
	Database     string            `json:"database,omitempty"` // postgresql, none, or "" for what the code speaks to
	Cache        string            `json:"cache,omitempty"`    // redis, none, or "" for what the code speaks to
	Queue        string            `json:"queue,omitempty"`
	Bucket       string            `json:"bucket,omitempty"`
	Variables    map[string]string `json:"variables,omitempty"`
	Secrets      map[string]string `json:"secrets,omitempty"` // by variable, the id under which its value was sealed before
	Run          *Override         `json:"run,omitempty"`
}

// Engine is the choice for a kind of backing.
func (a Adopt) Engine(kind string) string {
	return choice(kind, a.Database, a.Cache, a.Queue, a.Bucket)
}

// Verb is the command that makes the request.
func (Adopt) Verb() string { return "adopt" }

// Adopted says where the code of a service came from that no template made.
type Adopted struct {
	Source  string `json:"source"`  // id of what was brought
	Address string `json:"address"` // folder or URL, as a person named it
	Branch  string `json:"branch,omitempty"`
	Commit  string `json:"commit"`
}

// A Finding is what a repository says of itself, and where.
type Finding struct {
	What string `json:"what"` // language, framework, command, port, ready, variable, database, gap ...
	Text string `json:"text"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// A Repository is a history that was brought to be adopted. It is kept for 7 days.
type Repository struct {
	ID      string    `json:"id"`
	Address string    `json:"address"`
	Branch  string    `json:"branch,omitempty"`
	Folder  string    `json:"folder,omitempty"` // that was meant in it
	Commit  string    `json:"commit"`
	Commits int       `json:"commits"`
	Files   int       `json:"files"` // of the commit
	Bytes   int64     `json:"bytes"`
	Shallow []string  `json:"shallow,omitempty"`  // commits whose parents were left out
	LeftOut []string  `json:"left_out,omitempty"` // some paths that were changed and not committed
	Changed int       `json:"changed,omitempty"`  // how many there are
	Created time.Time `json:"created"`
}

// Sources bring repositories in, for an Adopt to come. The caller is the principal of
// the context.
type Sources interface {
	// FetchRepository brings the history of a revision ("" for the default branch) of a
	// repository at an address. Errors: Invalid, NotFound, Denied, Unavailable.
	FetchRepository(ctx context.Context, address, revision string) (Repository, error)
	// SendRepository keeps a history that the caller sends as a pack of git's.
	SendRepository(ctx context.Context, r Repository, pack io.Reader) (Repository, error)
	// SealForRepository keeps a value for a secret of the service to come, sealed.
	// Errors: Invalid, Denied.
	SealForRepository(ctx context.Context, id, name string, value Secret) (SealedValue, error)
}

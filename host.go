package pave

import "time"

// What git hosts say, and are told, of commits and repositories.

// The states of a CommitStatus and of a CommitCheck.
const (
	CheckPending = "pending"
	CheckSuccess = "success"
	CheckFailure = "failure" // cancelled and timed out too
	CheckSkipped = "skipped" // neutral ones too
)

// A CommitStatus is told to the host of a repository about a commit.
type CommitStatus struct {
	Context     string `json:"context"` // "pave/pipeline", "pave/staging": the newest of a context counts
	State       string `json:"state"`   // pending, success or failure
	Description string `json:"description"`
	URL         string `json:"url"` // where it can be read
}

// A CommitCheck is what a host ran for a commit.
type CommitCheck struct {
	Name    string    `json:"name"` // of the workflow or pipeline
	State   string    `json:"state"`
	URL     string    `json:"url"`
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
}

// A HostRepository is a repository that an organisation has on a git host.
type HostRepository struct {
	Name        string    `json:"name"`
	Address     string    `json:"address"` // to clone
	Page        string    `json:"page"`    // for people
	Description string    `json:"description,omitempty"`
	Branch      string    `json:"branch"` // the default one
	Language    string    `json:"language,omitempty"`
	Topics      []string  `json:"topics,omitempty"`
	Visibility  string    `json:"visibility"`
	Archived    bool      `json:"archived,omitempty"`
	Pushed      time.Time `json:"pushed,omitzero"`
}

// An ImportRequest asks what repositories an organisation has.
type ImportRequest struct {
	Provider string `json:"provider"`      // "github"
	Org      string `json:"org,omitempty"` // "": that of the binding
}

// Imported is what an import came to.
type Imported struct {
	Provider     string           `json:"provider"`
	Org          string           `json:"org"`
	Repositories []HostRepository `json:"repositories"`
	Services     []Name           `json:"services"` // that are kept in one of them
	Gone         int              `json:"gone"`     // known before and not there any more
}

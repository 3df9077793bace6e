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

// A HostList is what a git host said when it was asked for a list.
type HostList[T any] struct {
	Items    []T       `json:"items"`
	Observed time.Time `json:"observed"`         // when the host was asked
	Reason   string    `json:"reason,omitempty"` // why it says nothing newer, where it was asked since
}

// A CommitStatus is told to the host of a repository about a commit.
type CommitStatus struct {
	Context     string `json:"context"` // "pave/pipeline", "pave/staging": the newest of a context counts
	State       string `json:"state"`   // pending, success or failure
	Description string `json:"description"`
	URL         string `json:"url"` // where it can be read
}

// A CommitCheck is a run of a host's own pipeline for a commit.
type CommitCheck struct {
	ID       string     `json:"id"`   // the host's
	Name     string     `json:"name"` // of the workflow or pipeline
	State    string     `json:"state"`
	Commit   string     `json:"commit"`
	Branch   string     `json:"branch,omitempty"`
	URL      string     `json:"url"`
	Started  time.Time  `json:"started,omitzero"`
	Ended    time.Time  `json:"ended,omitzero"`
	Jobs     []CheckJob `json:"jobs,omitempty"`    // of one commit's only
	Observed time.Time  `json:"observed,omitzero"` // when the host said so
}

// A CheckJob is one job of a CommitCheck.
type CheckJob struct {
	Name    string    `json:"name"`
	State   string    `json:"state"`
	URL     string    `json:"url"`
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
}

// A Proposal is a change that waits for a review: a pull or merge request.
type Proposal struct {
	Number   int       `json:"number"`
	Title    string    `json:"title"`
	Text     string    `json:"text,omitempty"`
	Branch   string    `json:"branch"`
	Into     string    `json:"into"` // the branch that it changes
	Author   string    `json:"author,omitempty"`
	URL      string    `json:"url"`
	Observed time.Time `json:"observed,omitzero"` // when the host said so
}

// ProposeRequest asks for a Proposal: of a branch that is on the host, or of a branch of
// pave's that adds what starts pave ci there.
type ProposeRequest struct {
	Workflow bool   `json:"workflow,omitempty"`
	Branch   string `json:"branch,omitempty" maxLength:"200"`
	Into     string `json:"into,omitempty" maxLength:"200"` // main if empty
	Title    string `json:"title,omitempty" maxLength:"200"`
	Text     string `json:"text,omitempty" maxLength:"10000"`
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
	// EntityFile is the file of each repository that describes entities of the catalog:
	// catalog-info.yaml if empty, none where none is to be read.
	EntityFile string `json:"entity_file,omitempty" maxLength:"200"`
	// Allow are the kinds of entities that are taken in: Component, System, API, Resource,
	// Location and Template if empty.
	Allow []string `json:"allow,omitempty" maxItems:"20"`
}

// Imported is what an import came to.
type Imported struct {
	Provider     string           `json:"provider"`
	Org          string           `json:"org"`
	Repositories []HostRepository `json:"repositories"`
	Services     []Name           `json:"services"` // that are kept in one of them
	Gone         int              `json:"gone"`     // known before and not there any more

	EntityFile string        `json:"entity_file,omitempty"` // that is read
	Allow      []string      `json:"allow,omitempty"`       // kinds of entities that are taken in
	Read       int           `json:"read"`                  // files looked for now
	Waiting    int           `json:"waiting"`               // that will be, by and by
	Described  int           `json:"described"`             // repositories whose files describe entities
	Entities   int           `json:"entities"`              // that they describe
	Faults     []ImportFault `json:"faults,omitempty"`
}

// An ImportFault is what is wrong with the file of a repository.
type ImportFault struct {
	Repository string `json:"repository,omitempty"`
	Error      string `json:"error"`
}

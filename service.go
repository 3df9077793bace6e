package pave

import "time"

// A Service is what a team owns and runs. Its name is unique in the
// organisation; its ID never changes.
type Service struct {
	ID           string    `json:"id"`
	Name         Name      `json:"name"`
	Team         Name      `json:"team"`
	Template     string    `json:"template"`     // name and version, "go-http 1.0"; AdoptedTemplate for none
	Environments []Name    `json:"environments"` // in order of rank
	Revision     int       `json:"revision"`     // the newest
	Created      time.Time `json:"created"`
	Deleted      time.Time `json:"deleted,omitzero"` // its data is kept until KeptUntil
	KeptUntil    time.Time `json:"kept_until,omitzero"`
	LastRun      string    `json:"last_run"` // newest run that changed what is wanted
	// Repository is the address to clone, and Pipelines the page of the host's own
	// pipelines, where the repository lies on a git host; else it is /git/NAME.git here.
	Repository string `json:"repository,omitempty"`
	Pipelines  string `json:"pipelines,omitempty"`
}

// AdoptedTemplate stands for a template where a service has none.
const AdoptedTemplate = "adopted"

// A Team owns services.
type Team struct {
	ID       string    `json:"id"`
	Name     Name      `json:"name"`
	Services int       `json:"services"`
	Members  int       `json:"members"`
	Created  time.Time `json:"created"`
}

// An Environment is a place services run in. Rank orders them: a push goes to the
// lowest-ranked environment a service has.
type Environment struct {
	ID        string `json:"id"`
	Name      Name   `json:"name"`
	Rank      int    `json:"rank"`
	Protected bool   `json:"protected"`
	// Approval is the role that must approve a release that is new there, "" for
	// none, and ApprovalSeconds how long it is waited for.
	Approval        string    `json:"approval,omitempty"`
	ApprovalSeconds int64     `json:"approval_seconds,omitempty"`
	Calls           string    `json:"calls"` // between services: open or declared
	Bindings        []Binding `json:"bindings"`
}

// An Override says of a repository what cannot be detected, or should be otherwise.
// Flags win over the template, and both over .pave/pipeline.yaml.
type Override struct {
	Folder  string   `json:"folder,omitempty"`   // of the program: services/api
	Command string   `json:"command,omitempty"`  // a line, as people type it
	Build   []string `json:"build,omitempty"`    // steps in place of all others
	Ready   string   `json:"ready,omitempty"`    // a path that answers 200, or tcp
	Port    string   `json:"port,omitempty"`     // variable or flag that takes the port
	NoTests bool     `json:"no_tests,omitempty"` // leave tests out
}

// Set reports whether it says anything.
func (o Override) Set() bool {
	return o.Folder != "" || o.Command != "" || len(o.Build) > 0 || o.Ready != "" || o.Port != "" || o.NoTests
}

// DefaultReplicas is how many processes serve a service in an environment.
const DefaultReplicas = 2

// Wanted is what is wanted of a service, as small data. The zero value wants
// nothing: that is the state before create and after delete.
type Wanted struct {
	Team         Name              `json:"team,omitempty"`
	Template     string            `json:"template,omitempty"` // name
	Version      string            `json:"version,omitempty"`  // of the template
	Digest       string            `json:"digest,omitempty"`   // of the template's files
	Source       string            `json:"source,omitempty"`   // where the template came from
	Hooks        bool              `json:"hooks,omitempty"`    // programs of the template may run
	Adopted      *Adopted          `json:"adopted,omitempty"`  // in place of a template
	Inputs       map[string]any    `json:"inputs,omitempty"`
	Environments []Name            `json:"environments,omitempty"`
	Resources    []WantedBacking   `json:"resources,omitempty"`
	Run          *Override         `json:"run,omitempty"`      // over what is detected
	Defaults     *Override         `json:"defaults,omitempty"` // of the template, where nothing is detected
	Settings                       // of all environments
	In           map[Name]Settings `json:"in,omitempty"` // over them, in one environment
}

// WantedBacking is a resource a service asks for beside what every service gets,
// such as a database or a cache.
type WantedBacking struct {
	Kind   string `json:"kind"`
	Name   Name   `json:"name"`
	Engine string `json:"engine"`
	// Credentials are how often they were rotated, by environment.
	Credentials map[Name]int `json:"credentials,omitempty"`
}

// Engine is the engine of the backing of a kind, "" where none is wanted.
func (w Wanted) Engine(kind string) string {
	for _, r := range w.Resources {
		if r.Kind == kind {
			return r.Engine
		}
	}
	return ""
}

// Nothing reports whether nothing is wanted.
func (w Wanted) Nothing() bool { return len(w.Environments) == 0 }

// A Revision is one numbered state of what is wanted; it is never changed once
// written.
type Revision struct {
	Service string    `json:"service"`
	Number  int       `json:"number"`
	Wanted  Wanted    `json:"wanted"`
	Run     string    `json:"run"`
	Actor   string    `json:"actor"`
	Created time.Time `json:"created"`
}

// A Release is one built commit of a service.
type Release struct {
	ID      string    `json:"id"`
	Service string    `json:"service"`
	Number  int       `json:"number"`
	Commit  string    `json:"commit"`
	Dir     string    `json:"-"`       // where its tree lies
	Command []string  `json:"command"` // argv, relative to the tree or absolute
	Ready   string    `json:"ready"`   // path that answers 200 when it may serve
	Run     string    `json:"run"`     // the pipeline
	Created time.Time `json:"created"`
	Live    []Name    `json:"live,omitempty"` // environments it serves in
}

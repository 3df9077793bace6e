package pave

import (
	"strings"
	"time"
)

// Kinds of resources.
const (
	KindRepository = "repository"
	KindIdentity   = "identity"
	KindDatabase   = "database"
	KindCache      = "cache"
	KindQueue      = "queue"
	KindBucket     = "bucket"
	KindSecret     = "secret"
	KindRole       = "role"     // what a service may be at a cloud; only where one is bound
	KindPipeline   = "pipeline" // what a host's own pipelines are given; only where one is bound
	KindDeployment = "deployment"
	KindRoute      = "route"
)

// A Ref names a resource: kind, environment ("" for those a service has once),
// service and name. It may be renamed; the resource's id may not.
type Ref struct {
	Kind    string `json:"kind"`
	Env     Name   `json:"env,omitempty"`
	Service Name   `json:"service"`
	Name    string `json:"name"`
}

// String writes kind:env/service/name, with "-" for no environment.
func (r Ref) String() string {
	env := string(r.Env)
	if env == "" {
		env = "-"
	}
	return r.Kind + ":" + env + "/" + string(r.Service) + "/" + r.Name
}

// ParseRef reads what String wrote.
func ParseRef(s string) (Ref, error) {
	kind, rest, ok := strings.Cut(s, ":")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 {
		return Ref{}, BadField("resource", s, "is not of the form kind:env/service/name", "")
	}
	r := Ref{Kind: kind, Service: Name(parts[1]), Name: parts[2]}
	if parts[0] != "-" {
		r.Env = Name(parts[0])
	}
	return r, nil
}

// ResourceState is what pave's journal says of a resource.
type ResourceState string

const (
	ResourcePlanned ResourceState = "planned" // its id is given, no effect is known yet
	ResourcePresent ResourceState = "present"
	ResourceAside   ResourceState = "aside" // deleted softly: renamed, restorable until KeptUntil
	ResourceGone    ResourceState = "gone"
)

// Resource is the view of one real thing outside pave: what the journal says and
// what was observed, with its age.
type Resource struct {
	ID         string            `json:"id"`
	Ref        Ref               `json:"ref"`
	Provider   string            `json:"provider"`
	ExternalID string            `json:"external_id"` // its name outside
	State      ResourceState     `json:"state"`
	Ready      bool              `json:"ready"`
	Reason     string            `json:"reason,omitempty"`
	Observed   time.Time         `json:"observed,omitzero"`
	Drift      []string          `json:"drift,omitempty"`      // how it differs from what was applied
	DriftSince time.Time         `json:"drift_since,omitzero"` // since when that is known
	Outputs    map[string]string `json:"outputs,omitempty"`
	SecretKeys []string          `json:"secrets,omitempty"` // names, never values
	Run        string            `json:"run"`
	KeptUntil  time.Time         `json:"kept_until,omitzero"`
	Look       []string          `json:"look,omitempty"` // commands to look deeper
}

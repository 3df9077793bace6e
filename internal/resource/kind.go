package resource

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	pave "github.com/pave-platform/pave"
)

// The specs of the kinds. They are provider-neutral: a driver for a cluster and
// one for a laptop read the same. All of them are small data without secrets.

// RepositorySpec is a git repository whose first commit is a rendered template, or
// which begins with a history that was brought.
// What it is made from counts once, at creation.
type RepositorySpec struct {
	Service  pave.Name      `json:"service"`
	Team     pave.Name      `json:"team"`
	Template string         `json:"template"`
	Version  string         `json:"version"`
	Digest   string         `json:"digest,omitempty"`
	Hooks    bool           `json:"hooks,omitempty"` // of the template may run
	Inputs   map[string]any `json:"inputs,omitempty"`
	Database string         `json:"database,omitempty"` // engine
	Cache    string         `json:"cache,omitempty"`    // engine
	Queue    string         `json:"queue,omitempty"`    // engine
	Bucket   string         `json:"bucket,omitempty"`   // engine
	// Environments at creation, for the texts of the first commit.
	Environments []pave.Name `json:"environments,omitempty"`
	Description  string      `json:"description,omitempty"`
	// Source is what was brought of a repository that no template made, and Commit its
	// head: it begins with that history.
	Source string `json:"source,omitempty"`
	Commit string `json:"commit,omitempty"`
	// Address is where that was: a git host may have it already.
	Address string `json:"address,omitempty"`
}

// IdentitySpec is a workload identity.
type IdentitySpec struct {
	Service pave.Name `json:"service"`
	Env     pave.Name `json:"env"`
	Team    pave.Name `json:"team"`
	UID     int       `json:"uid"`
}

// DatabaseSpec is an own role and database for one service in one environment.
type DatabaseSpec struct {
	Engine string `json:"engine"`
	Public bool   `json:"public,omitempty"` // reachable by others; a guard refuses it
	// Credentials is how often they were rotated.
	Credentials int `json:"credentials,omitempty"`
}

// CacheSpec is an own cache server for one service in one environment.
type CacheSpec struct {
	Engine   string `json:"engine"`
	MemoryMB int    `json:"memory_mb,omitempty"` // what it may hold; 0: as the provider has it
	// Credentials is how often they were rotated.
	Credentials int `json:"credentials,omitempty"`
}

// QueueSpec is an own queue for one service in one environment.
type QueueSpec struct {
	Engine string `json:"engine"`
	// Credentials is how often they were rotated.
	Credentials int `json:"credentials,omitempty"`
}

// BucketSpec is an own bucket for one service in one environment.
type BucketSpec struct {
	Engine string `json:"engine"`
	Public bool   `json:"public,omitempty"` // read by everybody; a guard refuses it
	// Credentials is how often they were rotated.
	Credentials int `json:"credentials,omitempty"`
}

// SecretSpec is a value for the workload alone: an output of the needed resource, or
// a value that was sealed before.
type SecretSpec struct {
	Key   string `json:"key"`             // variable the workload sees
	From  string `json:"from,omitempty"`  // secret output of the needed resource
	Value string `json:"value,omitempty"` // id of the sealed value
	// Credentials is how often those of the needed resource were rotated.
	Credentials int `json:"credentials,omitempty"`
}

// RoleSpec is what a service may be at a cloud.
type RoleSpec struct {
	Service pave.Name `json:"service"`
	Env     pave.Name `json:"env"`
}

// PipelineSpec is what the pipelines of a repository's host are given, in an environment
// of the same name there: the values that processes get.
type PipelineSpec struct {
	Env pave.Name `json:"env"`
	// Values say by name what each is, so that another value is another spec.
	Values map[string]string `json:"values"`
	// Binding is that of the repository.
	Binding Bound `json:"binding"`
}

// DeploymentSpec runs a release as processes.
type DeploymentSpec struct {
	Service  pave.Name `json:"service"`
	Env      pave.Name `json:"env"`
	Team     pave.Name `json:"team"`
	Release  string    `json:"release"` // id; "" until there is one
	Number   int       `json:"number"`
	Command  []string  `json:"command,omitempty"`
	Ready    string    `json:"ready,omitempty"`
	Replicas int       `json:"replicas"`
	UID      int       `json:"uid"`            // of its processes, where the node may choose
	User     string    `json:"user,omitempty"` // "root" is refused by a guard
	MemoryMB int       `json:"memory_mb,omitempty"`
	CPU      int       `json:"cpu_milli,omitempty"`
	// Vars are variables of the workload beside those that every one gets.
	Vars map[string]string `json:"vars,omitempty"`
	// Secrets say by variable what the workload gets: "database url", or the id of a
	// sealed value.
	Secrets map[string]string `json:"secrets,omitempty"`
	// Calls are the ids of services it is linked to: it may call them.
	Calls []string `json:"calls,omitempty"`
	// Start is the run that restarted the workload last.
	Start string `json:"start,omitempty"`
}

// Generation names what processes see: those of one generation are alike. The
// number of replicas is not in it.
func (s DeploymentSpec) Generation() string {
	s.Replicas = 0
	sum := sha256.Sum256(mustJSON(s))
	return s.Release + "-" + hex.EncodeToString(sum[:4])
}

// RouteSpec makes a deployment reachable.
type RouteSpec struct {
	Host    string    `json:"host"`
	Also    []string  `json:"also,omitempty"` // hosts it had, unless another route has them
	Service pave.Name `json:"service"`
	Env     pave.Name `json:"env"`
}

// kind is what the package knows of a kind.
type kind struct {
	once  bool // made from its spec once: a changed spec is no update
	title string
}

var kinds = map[string]kind{
	pave.KindRepository: {once: true, title: "Repository"},
	pave.KindIdentity:   {title: "Identity"},
	pave.KindDatabase:   {title: "Database"},
	pave.KindCache:      {title: "Cache"},
	pave.KindQueue:      {title: "Queue"},
	pave.KindBucket:     {title: "Bucket"},
	pave.KindSecret:     {title: "Secrets"},
	pave.KindRole:       {title: "Role"},
	pave.KindPipeline:   {title: "CI secrets"},
	pave.KindDeployment: {title: "Deployment"},
	pave.KindRoute:      {title: "Route"},
}

// Title is a kind's name at the start of a progress line.
func Title(k string) string { return kinds[k].title }

// ExternalName is the name a new resource gets outside: the service's, and for
// resources of an environment "SERVICE_ENV" ('_' occurs in neither, so no two
// collide). Long names are cut and closed with a hash: 48 characters at the most.
func ExternalName(ref pave.Ref) string { return externalName(ref, 1) }

// externalName is the nth name for a ref, where the others before it belong to
// services that were renamed.
func externalName(ref pave.Ref, n int) string {
	name := string(ref.Service)
	if ref.Env != "" {
		name += "_" + string(ref.Env)
	}
	if ref.Kind == pave.KindSecret {
		name += "_" + ref.Name
	}
	if n > 1 {
		name += fmt.Sprintf("_%d", n)
	}
	if len(name) <= 48 {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:39] + "_" + hex.EncodeToString(sum[:4])
}

// AsideName is the name of a resource that was set aside: NAME~ID, with the end
// of the id, so that it fits where names have 63 characters.
func AsideName(external, id string) string {
	return external + "~" + id[max(0, len(id)-12):]
}

func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // specs are plain structs
	}
	return b
}

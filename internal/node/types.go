package node

import (
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

// Limits of a program.
type Limits = job.Limits

// A Workload is a program that should always run, in some replicas, behind the
// router.
//
// A put with another Generation (or any other difference but Replicas) starts a
// new generation beside the serving one; the router switches over when all its
// replicas are ready. Replicas alone scale the generation in place. A generation
// that failed is not tried again until the item differs: set Attempt for that.
type Workload struct {
	ID         string                 `json:"id"`
	Service    string                 `json:"service"`
	Env        string                 `json:"env"` // name of the environment
	Generation string                 `json:"generation"`
	Attempt    string                 `json:"attempt,omitempty"` // any other value tries the generation again
	Dir        string                 `json:"dir"`               // working directory, readable by UID
	Command    []string               `json:"command"`
	Vars       map[string]string      `json:"vars,omitempty"` // environment variables
	Secrets    map[string]pave.Secret `json:"-"`              // more of them, kept out of logs
	Identity   string                 `json:"identity,omitempty"`
	ServiceID  string                 `json:"service_id,omitempty"` // whose it is, whatever that is called
	Calls      []string               `json:"calls,omitempty"`      // ids of services it may call
	Replicas   int                    `json:"replicas"`             // 0: 1
	ReadyPath  string                 `json:"ready_path,omitempty"` // GET must give 200; empty or tcp: the port must accept
	// ReadyTimeout is how long a new generation may take to serve; 0: 30 s.
	ReadyTimeout time.Duration `json:"ready_timeout,omitempty"`
	UID          int           `json:"uid,omitempty"` // user to run as; needed when the node is root
	Limits       Limits        `json:"limits,omitzero"`
}

// States of a workload.
const (
	StateStarting = "starting" // the wanted generation is not ready yet
	StateRunning  = "running"  // the wanted generation serves
	StateFailed   = "failed"   // the wanted generation did not become ready
)

// WorkloadStatus is what was observed of a workload.
type WorkloadStatus struct {
	ID        string          `json:"id"`
	Service   string          `json:"service"`
	Env       string          `json:"env"`
	State     string          `json:"state"`
	Serving   string          `json:"serving"` // generation behind the router; empty: none
	Wanted    string          `json:"wanted"`
	Attempt   string          `json:"attempt,omitempty"` // of the wanted generation
	Reason    string          `json:"reason,omitempty"`
	LastLines []string        `json:"last_lines,omitempty"` // of the failed generation
	Replicas  []ReplicaStatus `json:"replicas"`
	Retiring  int             `json:"retiring,omitempty"` // generations that end their last requests
}

// ReplicaStatus is what was observed of one process.
type ReplicaStatus struct {
	Instance   string    `json:"instance"` // name in logs: generation and number
	Generation string    `json:"generation"`
	PID        int       `json:"pid,omitempty"`
	Port       int       `json:"port,omitempty"`
	Ready      bool      `json:"ready"`
	Restarts   int       `json:"restarts"`
	Started    time.Time `json:"started,omitzero"`
	LastExit   string    `json:"last_exit,omitempty"`
}

// A Route leads a host name, and a stable loopback port, to a workload.
type Route struct {
	ID       string   `json:"id"`
	Host     string   `json:"host"`           // for example "shop.production.localhost"; empty: port only
	Also     []string `json:"also,omitempty"` // hosts that lead here too, while no other route has them
	Workload string   `json:"workload"`
	Port     int      `json:"port"` // 0: the node picks one and keeps it
}

// RouteStatus is a route with what came of it.
type RouteStatus struct {
	Route
	Ready    bool `json:"ready"`    // a replica is ready
	Targets  int  `json:"targets"`  // how many
	Listener bool `json:"listener"` // the stable port is open
}

// CallsDeclared as the calls of an environment says that one workload may call
// another there only if its Calls say so.
const CallsDeclared = "declared"

// An Environment is what holds for all workloads of one. Its id is its name.
type Environment struct {
	ID    string `json:"id"`
	Calls string `json:"calls,omitempty"` // CallsDeclared, or open
}

// A Call counts the requests of one service to another in one environment, since the
// node started.
type Call struct {
	Caller   string    `json:"caller"` // ids of services
	Target   string    `json:"target"`
	Env      string    `json:"env"`
	Requests uint64    `json:"requests"` // with those refused
	Refused  uint64    `json:"refused"`
	Last     time.Time `json:"last"`
	Since    time.Time `json:"since"`
}

// RouteMetrics counts what went through a route since the node started.
type RouteMetrics struct {
	Route    string    `json:"route"`
	Service  string    `json:"service"`
	Env      string    `json:"env"`
	Since    time.Time `json:"since"`
	Requests uint64    `json:"requests"`
	Errors   uint64    `json:"errors"` // answers of 500 and up
	Latency            // of all requests
	// PerSecond is the rate over the last 60 seconds.
	PerSecond float64 `json:"per_second"`
	Minute    Window  `json:"minute"`
}

// A Window counts the last 60 seconds.
type Window struct {
	Requests uint64 `json:"requests"`
	Errors   uint64 `json:"errors"`
	Latency
}

// Latency estimates, from a histogram whose buckets are 20 % apart.
type Latency struct {
	P50 time.Duration `json:"p50"`
	P95 time.Duration `json:"p95"`
	P99 time.Duration `json:"p99"`
}

// A Job is a program that runs once, to its end.
type Job struct {
	ID      string                 `json:"id"`
	Dir     string                 `json:"dir"`
	Command []string               `json:"command"`
	Vars    map[string]string      `json:"vars,omitempty"`
	Secrets map[string]pave.Secret `json:"-"`
	UID     int                    `json:"uid,omitempty"`     // needed when the node is root
	Timeout time.Duration          `json:"timeout,omitempty"` // 0: 1 h
	Limits  Limits                 `json:"limits,omitzero"`
}

// States of a job.
const (
	JobRunning = "running"
	JobDone    = "done"   // exit code 0
	JobFailed  = "failed" // any other end; Reason says which
	JobLost    = "lost"   // the node died or went down with it; put it again to run it anew
)

// JobStatus is what is known of a job.
type JobStatus struct {
	ID        string    `json:"id"`
	State     string    `json:"state"`
	ExitCode  int       `json:"exit_code"`
	TimedOut  bool      `json:"timed_out,omitempty"`
	Canceled  bool      `json:"canceled,omitempty"`
	Killed    bool      `json:"killed,omitempty"` // by a SIGKILL that was not the node's
	Reason    string    `json:"reason,omitempty"`
	LastLines []string  `json:"last_lines,omitempty"`
	Started   time.Time `json:"started"`
	Ended     time.Time `json:"ended,omitzero"`
}

// An Identity is a token file the node keeps fresh.
type Identity struct {
	ID       string `json:"id"`
	Subject  string `json:"subject"`
	Service  string `json:"service"`
	Env      string `json:"env"`
	Team     string `json:"team,omitempty"`
	Issuer   string `json:"issuer"`
	Audience string `json:"audience"`
	UID      int    `json:"uid,omitempty"` // owner of the file
}

// IdentityStatus says where the token lies and how long it is good.
type IdentityStatus struct {
	Identity
	Path    string    `json:"path"`
	Expires time.Time `json:"expires"`
}

// JWKS is the set of public keys that verify the tokens (RFC 7517).
type JWKS struct {
	Keys []JWK `json:"keys"`
}

// A JWK is one public key.
type JWK struct {
	Type      string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
	KeyID     string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
}

// A Server is a local server the node runs: of kind "postgres", "mysql" (MariaDB) or
// "rabbitmq", one for all services, or of kind "redis", "nats" or "s3", each with an owner.
type Server struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	Port int    `json:"port"` // 0: the node picks one and keeps it

	// Of those with an owner. Owner is the mark of its data: what carries another is
	// refused. User is who may connect, with the password of that hash; of rabbitmq, which
	// has no owner, it is the administrator, and RabbitSalt stands before the password.
	Owner string `json:"owner,omitempty"`
	User  string `json:"user,omitempty"`
	// PasswordSHA256 is in hex and not shown in its status. For s3 it is the secret key
	// itself, which signatures are checked with.
	PasswordSHA256 string `json:"password_sha256,omitempty"`
	MemoryMB       int    `json:"memory_mb,omitempty"` // what redis may hold; 0: 64
	// Beside are further users. A put that changes users alone restarts nothing.
	Beside []Login `json:"beside,omitempty"`
}

// A Login is a user of a server beside the service's own.
type Login struct {
	User           string    `json:"user"`
	PasswordSHA256 string    `json:"password_sha256,omitempty"` // in hex; not shown in its status
	ReadOnly       bool      `json:"read_only,omitempty"`
	Until          time.Time `json:"until,omitzero"` // then it is shut out; zero is never
}

// Holds says in words what would be lost without the data of a server; "" for nothing.
type Holds struct {
	Text string `json:"text"`
}

// ServerFolder is a folder that holds the data of a server.
type ServerFolder struct {
	Name  string `json:"name"` // the server's id, or the name it was set aside under
	Owner string `json:"owner,omitempty"`
	Bytes int64  `json:"bytes,omitempty"` // where it has an owner
}

// ServerStatus is what was observed of a server.
type ServerStatus struct {
	Server
	Ready     bool   `json:"ready"`
	Reason    string `json:"reason,omitempty"` // why it is not ready
	Version   string `json:"version,omitempty"`
	PID       int    `json:"pid,omitempty"`
	SocketDir string `json:"socket_dir"` // of its unix socket; its superuser, by who they are
	DataDir   string `json:"data_dir"`
	Admin     string `json:"admin,omitempty"` // URL of RabbitMQ's management API
	Restarts  int    `json:"restarts"`
}

// Info describes a node.
type Info struct {
	Version    string    `json:"version"`
	PID        int       `json:"pid"`
	Started    time.Time `json:"started"`
	Router     string    `json:"router"` // address of the router
	Home       string    `json:"home"`
	Workloads  int       `json:"workloads"`
	Routes     int       `json:"routes"`
	Jobs       int       `json:"jobs"` // running
	Identities int       `json:"identities"`
	Servers    int       `json:"servers"`
}

// A LogQuery names one log: exactly one of Workload, Job and Server is set.
type LogQuery struct {
	Workload string
	Job      string
	Server   string
	Follow   bool  // go on with what is written later; a job's log ends with the job
	Tail     int   // only the last lines, when Since is 0
	Since    int64 // only what comes after this cursor
}

// A LogLine is one line a program wrote.
type LogLine struct {
	Cursor int64     `json:"c"` // grows by one per line of a log, also over restarts
	At     time.Time `json:"t"`
	Source string    `json:"s"` // instance
	Stream string    `json:"o"` // stdout, stderr, or node for what the node has to say
	Text   string    `json:"x"`
}

package pave

// The requests of every day. Environment "" is every environment of the service
// where a setting is meant, and the lowest-ranked where a release is.

// SetVariable gives a service's processes variables: text, or an output of a
// resource, ${{ resources.KIND.OUTPUT }}.
type SetVariable struct {
	Service     string            `json:"service"`
	Variables   map[string]string `json:"variables"`
	Environment string            `json:"environment,omitempty"`
}

// UnsetVariable takes variables away: everywhere, or in one environment what was
// set there.
type UnsetVariable struct {
	Service     string   `json:"service"`
	Names       []string `json:"names"`
	Environment string   `json:"environment,omitempty"`
}

// SetSecret gives a service's processes a value that nobody else sees. Value is the
// id under which it was sealed before: a request holds no secret.
type SetSecret struct {
	Service     string `json:"service"`
	Name        string `json:"name"`
	Value       string `json:"value"`
	Environment string `json:"environment,omitempty"`
}

// UnsetSecret takes a secret away: everywhere, or in one environment what was set
// there.
type UnsetSecret struct {
	Service     string `json:"service"`
	Name        string `json:"name"`
	Environment string `json:"environment,omitempty"`
}

// Scale asks for a number of processes.
type Scale struct {
	Service     string `json:"service"`
	Replicas    int    `json:"replicas"`
	Environment string `json:"environment,omitempty"`
}

// SetResources asks for limits of each process, in the words of Kubernetes:
// "512Mi", "500m"; "none" takes a limit away, "" leaves it.
type SetResources struct {
	Service     string `json:"service"`
	Memory      string `json:"memory,omitempty"`
	CPU         string `json:"cpu,omitempty"`
	Environment string `json:"environment,omitempty"`
}

// Restart asks for new processes of the release that serves.
type Restart struct {
	Service     string `json:"service"`
	Environment string `json:"environment,omitempty"`
}

// Rollback asks for a release that served before: To, or the last other one.
type Rollback struct {
	Service     string `json:"service"`
	Environment string `json:"environment,omitempty"`
	To          string `json:"to,omitempty"` // number, id or commit prefix
}

// AddDatabase gives a service a database in each of its environments.
type AddDatabase struct {
	Service string `json:"service"`
	Engine  string `json:"engine,omitempty"` // "" is postgresql
}

// AddCache gives a service a cache in each of its environments.
type AddCache struct {
	Service string `json:"service"`
	Engine  string `json:"engine,omitempty"` // "" is redis
}

// AddQueue gives a service a queue in each of its environments.
type AddQueue struct {
	Service string `json:"service"`
	Engine  string `json:"engine,omitempty"` // "" is the first of the catalogue
}

// AddBucket gives a service a bucket in each of its environments.
type AddBucket struct {
	Service string `json:"service"`
	Engine  string `json:"engine,omitempty"` // "" is s3
}

// RemoveDatabase sets the databases of a service aside.
type RemoveDatabase struct {
	Service string `json:"service"`
}

// RemoveCache sets the caches of a service aside.
type RemoveCache struct {
	Service string `json:"service"`
}

// RemoveQueue sets the queues of a service aside.
type RemoveQueue struct {
	Service string `json:"service"`
}

// RemoveBucket sets the buckets of a service aside.
type RemoveBucket struct {
	Service string `json:"service"`
}

// AddEnvironment brings a service to a further environment.
type AddEnvironment struct {
	Service     string `json:"service"`
	Environment string `json:"environment"`
}

// Heal makes the world again what the revision wants, where it has drifted.
type Heal struct {
	Service   string   `json:"service"`
	Resources []string `json:"resources,omitempty"` // refs; none is all
}

func (SetVariable) Verb() string    { return "set variable" }
func (UnsetVariable) Verb() string  { return "unset variable" }
func (SetSecret) Verb() string      { return "set secret" }
func (UnsetSecret) Verb() string    { return "unset secret" }
func (Scale) Verb() string          { return "scale" }
func (SetResources) Verb() string   { return "set resources" }
func (Restart) Verb() string        { return "restart" }
func (Rollback) Verb() string       { return "rollback" }
func (AddDatabase) Verb() string    { return "add database" }
func (AddCache) Verb() string       { return "add cache" }
func (AddQueue) Verb() string       { return "add queue" }
func (AddBucket) Verb() string      { return "add bucket" }
func (RemoveQueue) Verb() string    { return "remove queue" }
func (RemoveBucket) Verb() string   { return "remove bucket" }
func (RemoveDatabase) Verb() string { return "remove database" }
func (RemoveCache) Verb() string    { return "remove cache" }
func (AddEnvironment) Verb() string { return "add environment" }
func (Heal) Verb() string           { return "heal" }

package pave

// Words that pave fills the inputs of a Terraform module with.
const (
	FillName        = "name"        // of the resource outside, frozen at creation
	FillID          = "id"          // of the resource, never changed: the marker
	FillService     = "service"     //
	FillTeam        = "team"        //
	FillEnvironment = "environment" //
	FillEngine      = "engine"      // "postgresql"
	FillEngineAWS   = "aws_engine"  // what AWS calls it: "postgres"
	FillTags        = "tags"        // a map of id, service, team and environment
)

// A Module is a Terraform module that makes resources of a kind, as a binding has it.
// It holds no secret.
type Module struct {
	Digest  string            `json:"digest"`            // of the files that were kept
	Source  string            `json:"source"`            // where they came from
	Commit  string            `json:"commit,omitempty"`  // that they were at, of a git repository
	Set     map[string]any    `json:"set,omitempty"`     // inputs that are always the same
	Fill    map[string]string `json:"fill,omitempty"`    // inputs that pave fills, with its words for them
	Outputs map[string]string `json:"outputs,omitempty"` // outputs by pave's words: host, port, name, user, password, url
	Secrets map[string]string `json:"secrets,omitempty"` // ids of sealed values by the variable that terraform sees
	Mirror  string            `json:"mirror,omitempty"`  // a folder of providers, in the place of registries
	Backend *Backend          `json:"backend,omitempty"` // where states are kept; nil for a folder of the server
	Import  map[string]string `json:"import,omitempty"`  // what is there already, by address in the module
}

// A Backend is where Terraform keeps its states. It holds no secret; {id} in it stands
// for the resource's id.
type Backend struct {
	Type   string            `json:"type"` // "http" or "s3"
	Config map[string]string `json:"config"`
}

// ModuleInput is a variable of a module.
type ModuleInput struct {
	Name        string   `json:"name"`
	Type        string   `json:"type,omitempty"`
	Description string   `json:"description,omitempty"`
	Required    bool     `json:"required"`
	Sensitive   bool     `json:"sensitive,omitempty"`
	Rules       []string `json:"rules,omitempty"` // what its validations say
	From        string   `json:"from"`            // "set", "secret", "default", or pave's word for it
}

// ModuleOutput is an output of a module.
type ModuleOutput struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Sensitive   bool   `json:"sensitive,omitempty"`
	As          string `json:"as,omitempty"` // pave's word for it
}

// A ModuleInfo is a module that ships with pave.
type ModuleInfo struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`             // of resource that it makes
	Engine string `json:"engine,omitempty"` // "postgresql"
	Title  string `json:"title"`
	Source string `json:"source"` // what pave bind --module takes
}

// A ModuleReading is what a module asks for and gives out, and what pave would fill.
type ModuleReading struct {
	ModuleInfo
	Commit  string         `json:"commit,omitempty"`
	Digest  string         `json:"digest"`
	Readme  string         `json:"readme,omitempty"`
	Inputs  []ModuleInput  `json:"inputs"`
	Outputs []ModuleOutput `json:"outputs"`
	Missing []Missing      `json:"missing"` // what a binding has to say beside
}

// Missing is something that a binding of a module has to say.
type Missing struct {
	What string `json:"what"`
	How  string `json:"how"` // flags of pave bind
}

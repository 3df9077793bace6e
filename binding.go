package pave

// Who makes resources of a kind, and what each is told.

// A Binding says which provider makes resources of a kind in an environment.
type Binding struct {
	Kind     string            `json:"kind"`
	Provider string            `json:"provider"`
	Settings map[string]string `json:"settings,omitempty"`
	Module   *Module           `json:"module,omitempty"`  // of the provider terraform
	Secrets  map[string]string `json:"secrets,omitempty"` // ids of sealed values by name
	// Told says that the provider's resources carry settings and secrets in their specs,
	// since it works with a system that they name.
	Told bool `json:"-"`
}

// A BindingField is a setting or a secret that a provider is told by its binding.
type BindingField struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Required    bool     `json:"required,omitempty"`
	Secret      bool     `json:"secret,omitempty"` // sealed; never in a plan, log or answer
	Default     string   `json:"default,omitempty"`
	OneOf       []string `json:"one_of,omitempty"`
	// Address: the secrets are sent there. With another one they have to be given again.
	Address bool `json:"-"`
}

// A Provider makes resources of a kind.
type Provider struct {
	Kind   string         `json:"kind"`
	Name   string         `json:"name"`
	Bound  []string       `json:"bound"` // environments, and default for all others
	Fields []BindingField `json:"fields"`
}

// BindRequest says who makes resources of a kind in an environment from now on.
type BindRequest struct {
	Provider string            `json:"provider"`
	Source   string            `json:"source,omitempty"`
	Archive  []byte            `json:"archive,omitempty"` // the module, a zip of its folder
	Set      map[string]string `json:"set,omitempty"`
	Fill     map[string]string `json:"fill,omitempty"`
	Outputs  map[string]string `json:"outputs,omitempty"`
	Mirror   string            `json:"mirror,omitempty"`
	// Backend is where states are kept: "local", "http" or "s3"; "" leaves it as it was.
	Backend       string            `json:"backend,omitempty"`
	BackendConfig map[string]string `json:"backend_config,omitempty"`
	Import        map[string]string `json:"import,omitempty"` // [SERVICE/]ADDRESS to the id outside
	Settings      map[string]string `json:"settings,omitempty"`
	Secrets       map[string]Secret `json:"-"`
}

// Bound is what a binding came to.
type Bound struct {
	Environment string         `json:"environment"` // "default" for all that have none of their own
	Binding     Binding        `json:"binding"`
	Inputs      []ModuleInput  `json:"inputs,omitempty"`
	Outputs     []ModuleOutput `json:"outputs,omitempty"`
	Checks      []Check        `json:"checks,omitempty"` // what the system that is bound answered
	Notes       []string       `json:"notes,omitempty"`  // what is not known yet, and what does not take this binding
}

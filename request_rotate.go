package pave

// Rotate gives a service new credentials for a database or a cache. The old ones are
// good until its processes have the new ones, and are revoked then.
type Rotate struct {
	Service     string `json:"service"`
	Kind        string `json:"kind"`                  // database or cache
	Environment string `json:"environment,omitempty"` // "" is every one
}

func (Rotate) Verb() string { return "rotate" }

package pave

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Settings are what may be set of a service's processes. Zero values are not set.
type Settings struct {
	Replicas  int               `json:"replicas,omitempty"`
	MemoryMB  int               `json:"memory_mb,omitempty"` // of each process
	CPU       int               `json:"cpu_milli,omitempty"` // of each process, in thousandths of a core
	Variables map[string]string `json:"variables,omitempty"` // text, or ${{ resources.KIND.OUTPUT }}
	Secrets   map[string]string `json:"secrets,omitempty"`   // by variable, the id of the sealed value
	Links     map[string]string `json:"links,omitempty"`     // by variable, the id of the service whose address it holds
}

// SettingsIn are the settings that hold in an environment: its own over those of
// all.
func (w Wanted) SettingsIn(env Name) Settings {
	s, own := w.Settings, w.In[env]
	s.Variables, s.Secrets, s.Links = over(s.Variables, own.Variables), over(s.Secrets, own.Secrets), over(s.Links, own.Links)
	if own.Replicas > 0 {
		s.Replicas = own.Replicas
	}
	if own.MemoryMB > 0 {
		s.MemoryMB = own.MemoryMB
	}
	if own.CPU > 0 {
		s.CPU = own.CPU
	}
	return s
}

func over(base, own map[string]string) map[string]string {
	if len(base)+len(own) == 0 {
		return nil
	}
	out := maps.Clone(base)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, own)
	return out
}

// Change returns what is wanted with the settings of an environment ("" for all)
// as change leaves them. The receiver stays as it is: revisions are never changed.
func (w Wanted) Change(env Name, change func(*Settings)) Wanted {
	w.Settings = w.Settings.clone()
	in := map[Name]Settings{}
	for name, s := range w.In {
		in[name] = s.clone()
	}
	if env == "" {
		change(&w.Settings)
	} else {
		s := in[env]
		change(&s)
		in[env] = s
	}
	maps.DeleteFunc(in, func(_ Name, s Settings) bool { return s.empty() })
	if w.In = in; len(in) == 0 {
		w.In = nil
	}
	return w
}

func (s Settings) clone() Settings {
	s.Variables, s.Secrets, s.Links = maps.Clone(s.Variables), maps.Clone(s.Secrets), maps.Clone(s.Links)
	return s
}

func (s Settings) empty() bool {
	return s.Replicas == 0 && s.MemoryMB == 0 && s.CPU == 0 && len(s.Variables) == 0 && len(s.Secrets) == 0 && len(s.Links) == 0
}

// Variable is the view of a variable of a service's processes.
type Variable struct {
	Name        string `json:"name"`
	Value       string `json:"value"`                 // text or reference, never a secret
	Environment Name   `json:"environment,omitempty"` // "" for all
	Origin      string `json:"origin"`                // template NAME VERSION, set, KIND ENGINE, or role
}

// SecretName is the view of a secret of a service's processes: its value has none.
type SecretName struct {
	Name        string `json:"name"`
	Environment Name   `json:"environment,omitempty"` // "" for all
	Origin      string `json:"origin"`                // set, KIND ENGINE, or role
}

// SealedValue names a value that was sealed for a request to come.
type SealedValue struct {
	ID string `json:"id"`
}

// MaxValue is how long the value of a variable or a secret may be, in bytes.
const MaxValue = 32 << 10

var variablePattern = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)

// inputPattern is a variable that gives an input of a module: inputs are named in any case.
var inputPattern = regexp.MustCompile(`^TF_VAR_[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// reservedVariables are set by the platform or by the system.
var reservedVariables = []string{"PORT", "HOST", "SERVICE_NAME", "SERVICE_VERSION", "PATH", "HOME", "DATABASE_URL", "REDIS_URL"}

// CheckVariable is Invalid for what cannot be the name of a variable of a service.
func CheckVariable(name string) error {
	switch {
	case !variablePattern.MatchString(name):
		hint := "for example: LOG_LEVEL"
		if upper := strings.ToUpper(strings.ReplaceAll(name, "-", "_")); variablePattern.MatchString(upper) {
			hint = "did you mean " + upper + "?"
		}
		return BadField("variable", name, "must be a name of A-Z, 0-9 and '_', at most 64", hint)
	case slices.Contains(reservedVariables, name) || strings.HasPrefix(name, "PAVE_"):
		return BadField("variable", name, "is set by the platform", "choose another name")
	}
	return nil
}

// CheckModuleSecret is Invalid for what cannot be the name of a secret that a module of
// Terraform is run with: a variable of the programs around it, or TF_VAR_ and an input.
func CheckModuleSecret(name string) error {
	switch {
	case !strings.HasPrefix(name, "TF_VAR_"):
		return CheckVariable(name)
	case !inputPattern.MatchString(name):
		return BadField("secret", name, "must be TF_VAR_ and the name of an input: a-z, A-Z, 0-9 and '_', at most 64", "pave add module SOURCE shows the inputs")
	}
	return nil
}

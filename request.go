package pave

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// A Request asks for a change. Every change of what is wanted enters as one.
type Request interface {
	// Verb is the command that makes the request, such as "create service".
	Verb() string
}

// CreateService asks for a new service, or for further environments of one that
// has the same team and template.
type CreateService struct {
	Name         string         `json:"name"`
	Team         string         `json:"team"`
	Template     string         `json:"template"`
	Environments []string       `json:"environments"`
	Database     string         `json:"database,omitempty"` // postgresql, none, or "" for the template's own
	Cache        string         `json:"cache,omitempty"`    // redis, none, or "" for the template's own
	Queue        string         `json:"queue,omitempty"`
	Bucket       string         `json:"bucket,omitempty"`
	Inputs       map[string]any `json:"inputs,omitempty"`
	Run          *Override      `json:"run,omitempty"`         // what cannot be detected of the repository
	AllowHooks   bool           `json:"allow_hooks,omitempty"` // run the hooks of the template
}

// Engine is the choice for a kind of backing.
func (c CreateService) Engine(kind string) string {
	return choice(kind, c.Database, c.Cache, c.Queue, c.Bucket)
}

func choice(kind, database, cache, queue, bucket string) string {
	return map[string]string{KindDatabase: database, KindCache: cache, KindQueue: queue, KindBucket: bucket}[kind]
}

// DeleteService asks for nothing to be left of a service but what is kept for 7 days.
type DeleteService struct {
	Name string `json:"name"`
}

// RestoreService brings a deleted service back from what was kept.
type RestoreService struct {
	Name string `json:"name"`
}

// Undo asks for the state before a run.
type Undo struct {
	Run string `json:"run"`
}

// Deploy asks for a release in an environment. Release is an id, a number or a
// commit prefix; "" is the newest.
type Deploy struct {
	Name        string `json:"name"`
	Environment string `json:"environment,omitempty"` // "" is the lowest-ranked
	Release     string `json:"release,omitempty"`
}

// Promote asks for the release of the next lower environment in a higher one.
type Promote struct {
	Name string `json:"name"`
	To   string `json:"to"`
}

func (CreateService) Verb() string  { return "create service" }
func (DeleteService) Verb() string  { return "delete service" }
func (RestoreService) Verb() string { return "restore service" }
func (Undo) Verb() string           { return "undo" }
func (Deploy) Verb() string         { return "deploy" }
func (Promote) Verb() string        { return "promote" }

// requests are the types of requests by verb.
var requests = func(all ...Request) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for _, r := range all {
		out[r.Verb()] = reflect.TypeOf(r)
	}
	return out
}(CreateService{}, DeleteService{}, RestoreService{}, Undo{}, Deploy{}, Promote{}, SetVariable{}, UnsetVariable{},
	SetSecret{}, UnsetSecret{}, Scale{}, SetResources{}, Restart{}, Rollback{}, AddDatabase{}, AddCache{}, AddQueue{}, AddBucket{},
	RemoveDatabase{}, RemoveCache{}, RemoveQueue{}, RemoveBucket{}, AddEnvironment{}, Heal{}, Adopt{}, RenameService{}, LinkService{}, UnlinkService{},
	Rotate{})

// Verbs are the verbs of all requests, sorted.
func Verbs() []string { return slices.Sorted(maps.Keys(requests)) }

// Envelope carries a request as JSON: {"verb": ..., "spec": {...}}.
type Envelope struct{ Request Request }

type envelopeJSON struct {
	Verb string          `json:"verb"`
	Spec json.RawMessage `json:"spec"`
}

// MarshalJSON writes the verb and the request.
func (e Envelope) MarshalJSON() ([]byte, error) {
	spec, err := json.Marshal(e.Request)
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelopeJSON{e.Request.Verb(), spec})
}

// UnmarshalJSON reads a request strictly: an unknown verb or field is Invalid.
func (e *Envelope) UnmarshalJSON(data []byte) error {
	var raw envelopeJSON
	if err := strictJSON(data, &raw); err != nil {
		return err
	}
	kind, ok := requests[raw.Verb]
	if !ok {
		hint := ""
		if near := DidYouMean(raw.Verb, Verbs()); near != "" {
			hint = "did you mean " + near + "?"
		}
		return BadField("verb", raw.Verb, "is not a request", hint)
	}
	req := reflect.New(kind)
	if err := strictJSON(raw.Spec, req.Interface()); err != nil {
		return err
	}
	e.Request = req.Elem().Interface().(Request)
	return nil
}

func strictJSON(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return Errorf(Invalid, "request: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

package pave

import (
	"bytes"
	"encoding/json"
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
	Inputs       map[string]any `json:"inputs,omitempty"`
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

// requests makes an empty request for each verb.
var requests = map[string]func() any{
	"create service":  func() any { return new(CreateService) },
	"delete service":  func() any { return new(DeleteService) },
	"restore service": func() any { return new(RestoreService) },
	"undo":            func() any { return new(Undo) },
	"deploy":          func() any { return new(Deploy) },
	"promote":         func() any { return new(Promote) },
}

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
	make, ok := requests[raw.Verb]
	if !ok {
		verbs := []string{}
		for v := range requests {
			verbs = append(verbs, v)
		}
		hint := ""
		if near := DidYouMean(raw.Verb, verbs); near != "" {
			hint = "did you mean " + near + "?"
		}
		return BadField("verb", raw.Verb, "is not a request", hint)
	}
	req := make()
	if err := strictJSON(raw.Spec, req); err != nil {
		return err
	}
	switch r := req.(type) {
	case *CreateService:
		e.Request = *r
	case *DeleteService:
		e.Request = *r
	case *RestoreService:
		e.Request = *r
	case *Undo:
		e.Request = *r
	case *Deploy:
		e.Request = *r
	case *Promote:
		e.Request = *r
	}
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

package pave

import (
	"strings"
	"time"
)

// LinkService gives a service the address of another one and the right to call it.
type LinkService struct {
	Service     string `json:"service"`
	To          string `json:"to"`
	Variable    string `json:"variable,omitempty"` // that holds the address; "" is NAME_URL
	Environment string `json:"environment,omitempty"`
}

// UnlinkService takes address and right away again.
type UnlinkService struct {
	Service     string `json:"service"`
	To          string `json:"to"`
	Environment string `json:"environment,omitempty"`
}

func (LinkService) Verb() string   { return "link" }
func (UnlinkService) Verb() string { return "unlink" }

// LinkVariable is the variable that holds the address of a linked service, where
// nobody says otherwise.
func LinkVariable(service Name) string {
	return strings.ToUpper(strings.ReplaceAll(string(service), "-", "_")) + "_URL"
}

// What may be said of the calls in an environment.
const (
	CallsOpen     = "open"     // services call each other; what is not declared is shown
	CallsDeclared = "declared" // what is not declared is refused
)

// A Call is what one service asks of another in one environment: as declared by a
// link, and as the router has seen it.
type Call struct {
	Caller      Name      `json:"caller"`
	Target      Name      `json:"target"`
	Environment Name      `json:"environment"`
	Declared    bool      `json:"declared"`
	Variable    string    `json:"variable,omitempty"` // that holds the address
	Requests    int64     `json:"requests"`           // with those refused
	Refused     int64     `json:"refused"`
	First       time.Time `json:"first,omitzero"`
	Last        time.Time `json:"last,omitzero"`
	Evidence    string    `json:"evidence"` // link, router, or both
}

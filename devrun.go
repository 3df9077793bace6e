package pave

import "context"

// A DevRequest asks for what a service's program needs on a developer's machine.
type DevRequest struct {
	Environment string `json:"environment,omitempty"` // whose variables; "" is the first that is not protected
	Fresh       bool   `json:"fresh,omitempty"`       // a new database and cache in place of the caller's old ones
}

// A DevEnvironment is what a service's program sees on a developer's machine: the
// variables of an environment, and a database and cache of the developer's own. It
// holds no secret of the service.
type DevEnvironment struct {
	Service     Name              `json:"service"`
	Environment Name              `json:"environment"`
	Variables   map[string]string `json:"variables"`         // with the addresses of what is the developer's own
	Ports       map[string]string `json:"ports"`             // variables by which the program learns its port, with ${PORT} and ${HOST} in them
	Secrets     []string          `json:"secrets,omitempty"` // names of secrets, which are not given
	Own         []string          `json:"own,omitempty"`     // what is the developer's own, "database postgresql at 127.0.0.1:5432, new"
}

// Developers are served on their own machine.
type Developers interface {
	// DevEnvironment makes the caller's own database and cache of a service, or finds
	// them, and returns what the service's program needs. Errors: Invalid, NotFound,
	// Denied, Unavailable.
	DevEnvironment(ctx context.Context, service string, r DevRequest) (DevEnvironment, error)
}

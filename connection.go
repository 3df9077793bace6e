package pave

import "time"

// Limits of connections that people make.
const (
	// MaxConnect is how long one may be good.
	MaxConnect = 8 * time.Hour
	// DefaultConnect is how long it is good where nobody says.
	DefaultConnect = time.Hour
)

// A ConnectRequest asks for credentials of one's own to a database or a cache.
type ConnectRequest struct {
	Kind        string `json:"kind"`                  // database or cache
	Environment string `json:"environment,omitempty"` // "" is the lowest-ranked
	Write       bool   `json:"write,omitempty"`       // in a protected environment too
	Seconds     int    `json:"seconds,omitempty"`     // how long they are good; 0 is DefaultConnect
}

// A Connection is credentials of a person, good until their end.
type Connection struct {
	ID          string    `json:"id"`
	Service     Name      `json:"service"`
	Environment Name      `json:"environment"`
	Kind        string    `json:"kind"`
	Engine      string    `json:"engine"`
	ReadOnly    bool      `json:"read_only"`
	Expires     time.Time `json:"expires"`
	URL         string    `json:"url"` // holds the password; shown once
}

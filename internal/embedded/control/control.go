// Package control is how the node speaks to a server that is part of our own program: one
// line of JSON for each question and each answer, over a socket that the server has as its
// standard input. Nobody else can reach it, and nothing secret is in arguments, the
// environment or a file.
package control

// A Setup is the first question: what the server is to be.
type Setup struct {
	Data  string `json:"data"` // its folder
	Port  int    `json:"port"` // on loopback
	Name  string `json:"name"` // of the bucket
	Users []User `json:"users"`
}

// A User may connect.
type User struct {
	Name string `json:"name"`
	// Key is the SHA-256 of the password, in hex; of a bucket it is the secret key itself,
	// which signatures cannot be checked without.
	Key      string `json:"key"`
	ReadOnly bool   `json:"read_only,omitempty"`
}

// A Question has one of its fields.
type Question struct {
	Setup *Setup `json:"setup,omitempty"`
	Users []User `json:"users,omitempty"` // who may connect from now on; all others are cut off
	Holds bool   `json:"holds,omitempty"`
}

// An Answer to a setup comes when the server serves.
type Answer struct {
	Version string `json:"version,omitempty"`
	Holds   string `json:"holds,omitempty"` // what it has, in words; "" for nothing
	Error   string `json:"error,omitempty"`
}

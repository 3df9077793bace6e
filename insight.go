package pave

import "time"

// Adoption says how far people use the platform, from what it records itself. It
// holds no names of people.
type Adoption struct {
	From     time.Time      `json:"from"`
	To       time.Time      `json:"to"`
	Mark     time.Time      `json:"mark"` // what lies before it is compared with what lies after
	Weeks    []AdoptionWeek `json:"weeks"`
	Commands []CommandUse   `json:"commands"` // the most used first
	// Live is how long it took from a create or an adopt to a live service.
	Live Comparison `json:"create_to_live"`
	// First is how long it took new people from their invitation to their first change
	// that went live, by the time of the invitation.
	First Comparison `json:"invite_to_first_change"`
}

// An AdoptionWeek begins at a Monday, UTC.
type AdoptionWeek struct {
	Start    time.Time `json:"start"`
	Users    int       `json:"users"`    // who used a command
	Commands int       `json:"commands"` // used
	Created  int       `json:"created"`  // services that went live for the first time
	Stopped  int       `json:"stopped"`  // creates that did not get there by themselves
}

// A CommandUse says how often a command was used, and by how many.
type CommandUse struct {
	Command string    `json:"command"`
	Uses    int       `json:"uses"`
	Users   int       `json:"users"`
	Last    time.Time `json:"last"`
}

// A Comparison is two samples of the same duration.
type Comparison struct {
	Before Durations `json:"before"`
	After  Durations `json:"after"`
}

// Durations sums up a sample, in seconds. P50 and P90 are values of the sample.
type Durations struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	Max   float64 `json:"max"`
}

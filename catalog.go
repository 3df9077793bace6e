package pave

import "time"

// An Entity is something the catalog discovered.
type Entity struct {
	Ref     string    `json:"ref"` // kind:name, "component:payment-processor"
	Kind    string    `json:"kind"`
	Name    string    `json:"name"`
	Service string    `json:"service,omitempty"`
	Owner   string    `json:"owner,omitempty"`
	Facts   []Fact    `json:"facts,omitempty"`
	Links   []Link    `json:"links,omitempty"`
	Seen    time.Time `json:"seen"` // when it was last observed
	Error   string    `json:"error,omitempty"`
}

// A Fact is one thing known of an entity, with where it came from and when.
type Fact struct {
	Key      string    `json:"key"`
	Value    string    `json:"value"`
	Source   string    `json:"source"`   // repository, run, process, resource
	Evidence string    `json:"evidence"` // file at a commit, run id, pid ...
	Seen     time.Time `json:"seen"`
}

// A Link relates two entities, "component:a -> uses -> database:b".
type Link struct {
	Kind string `json:"kind"`
	To   string `json:"to"`
}

package pave

import "time"

// Action is what a plan does to one resource.
type Action string

const (
	ActionKeep    Action = "keep"
	ActionCreate  Action = "create"
	ActionUpdate  Action = "update"
	ActionReplace Action = "replace"
	ActionDelete  Action = "delete"
	ActionAside   Action = "set aside" // deleted softly: kept, restorable
	ActionRestore Action = "restore"
)

// A Change is what happens to one resource.
type Change struct {
	Action   Action   `json:"action"`
	Ref      Ref      `json:"ref"`
	Provider string   `json:"provider"`
	External string   `json:"external"`         // exact name outside
	Detail   []string `json:"detail,omitempty"` // what differs
	After    string   `json:"after,omitempty"`  // what is known only later, "after pipeline"
	Lost     string   `json:"lost,omitempty"`   // what it holds, "12 rows in 1 table"
	Price    string   `json:"price"`            // "not priced" where no provider knows
}

// A Verdict is what one guard says of a plan.
type Verdict struct {
	Guard   string `json:"guard"`
	Allowed bool   `json:"allowed"`
	Reason  string `json:"reason"`
	Subject string `json:"subject,omitempty"` // the resource it speaks of
}

// A Plan separates two revisions from each other and from the world. It holds no
// secret.
type Plan struct {
	ID       string    `json:"id"`
	Request  Envelope  `json:"request"`
	Service  Name      `json:"service"`
	Base     int       `json:"base"`               // revision it starts from; 0 is nothing
	Target   int       `json:"target"`             // revision it leads to
	Rows     []string  `json:"rows,omitempty"`     // rows it makes, "team payment-squad (new)"
	Runs     []string  `json:"runs,omitempty"`     // runs it starts, "pipeline", "rollout to production"
	Notes    []string  `json:"notes,omitempty"`    // what a person may want to know or to give
	Findings []Finding `json:"findings,omitempty"` // what an adopted repository says of itself
	Changes  []Change  `json:"changes"`
	Verdicts []Verdict `json:"verdicts"`
	Hash     string    `json:"hash"`          // over what it touches; the same hash is the same plan
	Run      string    `json:"run,omitempty"` // the run, when it was applied or nothing is to do
	Created  time.Time `json:"created"`
}

// Empty reports whether the plan changes nothing.
func (p Plan) Empty() bool {
	for _, c := range p.Changes {
		if c.Action != ActionKeep {
			return false
		}
	}
	return len(p.Rows) == 0 && len(p.Runs) == 0
}

// Refused returns the verdicts that refuse the plan.
func (p Plan) Refused() []Verdict {
	var out []Verdict
	for _, v := range p.Verdicts {
		if !v.Allowed {
			out = append(out, v)
		}
	}
	return out
}

// PlanFile is what "pave plan --out" writes: enough to plan again and compare.
type PlanFile struct {
	Version int      `json:"version"` // 1
	Request Envelope `json:"request"`
	Base    int      `json:"base"`
	Hash    string   `json:"hash"`
}

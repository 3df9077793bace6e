package pave

import "time"

// Status is what a service is doing now, as observed.
type Status struct {
	Service        Name         `json:"service"`
	Team           Name         `json:"team"`
	Status         string       `json:"status"` // live, starting, degraded, down, deleted
	Deployments    []Deployment `json:"deployments"`
	Infrastructure []Resource   `json:"infrastructure"`
	Drift          []Resource   `json:"drift"`                // those that differ from what was applied
	Undeclared     []Call       `json:"undeclared,omitempty"` // calls that no link declares
	Run            *Run         `json:"run,omitempty"`        // the one going on, or the last that stopped
	Observed       time.Time    `json:"observed"`
}

// Deployment is one environment of a status.
type Deployment struct {
	Environment Name       `json:"environment"`
	URL         string     `json:"url"`
	Address     string     `json:"address"` // stable loopback address
	Release     *Release   `json:"release,omitempty"`
	Sync        string     `json:"sync"`   // synced, progressing, failed
	Health      string     `json:"health"` // healthy, degraded, down, unknown
	Reason      string     `json:"reason,omitempty"`
	LastLines   []string   `json:"last_lines,omitempty"` // of a generation that failed
	Instances   []Instance `json:"instances"`
	Traffic     *Traffic   `json:"traffic,omitempty"`
}

// Instance is one process of a deployment.
type Instance struct {
	Name     string    `json:"name"`
	PID      int       `json:"pid"`
	Port     int       `json:"port"`
	Ready    bool      `json:"ready"`
	Restarts int       `json:"restarts"`
	Started  time.Time `json:"started,omitzero"`
	LastExit string    `json:"last_exit,omitempty"`
}

// Traffic is what the router counted for a deployment.
type Traffic struct {
	Requests  int64     `json:"requests"`   // since Since
	Errors    int64     `json:"errors"`     // answers of 500 and more
	PerSecond float64   `json:"per_second"` // mean of the last 60 s
	P50       float64   `json:"p50_ms"`     // estimated from a histogram
	P95       float64   `json:"p95_ms"`
	P99       float64   `json:"p99_ms"`
	Since     time.Time `json:"since"`
}

// LogLine is one line a program wrote.
type LogLine struct {
	Cursor string    `json:"cursor"`
	At     time.Time `json:"at"`
	Source string    `json:"source"` // instance or step
	Stream string    `json:"stream"` // stdout, stderr
	Text   string    `json:"text"`
}

// Check is one line of the doctor.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"`
}

package cli

import (
	"fmt"
	"io"
	"strconv"

	"github.com/pave-platform/pave"
)

// marks are the first columns of changes.
var marks = map[pave.Action]string{
	pave.ActionKeep: " ", pave.ActionCreate: "+", pave.ActionUpdate: "~", pave.ActionReplace: "!",
	pave.ActionDelete: "-", pave.ActionAside: "-", pave.ActionRestore: "+",
}

// printNotes prints what a person may want to know, or to give.
func (a *app) printNotes(plan pave.Plan) {
	for _, note := range plan.Notes {
		fmt.Fprintf(a.out, "  %s %s\n", a.paint(yellow, "note:"), oneLine(note))
	}
}

// printFindings prints what an adopted repository says of itself, and where.
func (a *app) printFindings(plan pave.Plan) {
	if len(plan.Findings) == 0 {
		return
	}
	fmt.Fprintln(a.out, "Found")
	var t table
	for _, f := range plan.Findings {
		at := f.File
		if f.Line > 0 {
			at += ":" + strconv.Itoa(f.Line)
		}
		t.rows = append(t.rows, []any{f.What, f.Text, at})
	}
	a.indented(t)
	fmt.Fprintln(a.out, "Changes")
}

// printPlan prints a plan for people.
func (a *app) printPlan(out io.Writer, plan pave.Plan) {
	to := *a // the plan may go to stderr, before a question
	to.out = out
	fmt.Fprintf(out, "Plan: %s %s, revision %d -> %d\n", plan.Request.Request.Verb(), oneLine(string(plan.Service)), plan.Base, plan.Target)
	if plan.Empty() {
		what := "  nothing to do"
		if plan.Run != "" {
			what += ": run " + shortID(plan.Run) + " did it"
		}
		fmt.Fprintln(out, what)
		return
	}
	to.printFindings(plan)
	var t table
	changes := to.foldChanges(plan.Changes)
	for _, f := range changes {
		c := f.first
		t.rows = append(t.rows, []any{marks[c.Action], string(c.Action), c.Ref.Kind, dash(string(c.Ref.Env)), f.named(c.External), c.Provider, c.Price, c.After})
	}
	if len(t.rows) > 0 {
		to.indented(t)
	}
	for _, f := range changes {
		for _, d := range f.first.Detail {
			fmt.Fprintf(out, "      %s: %s\n", f.named(oneLine(f.first.Ref.String())), oneLine(d))
		}
	}
	for _, r := range plan.Rows {
		fmt.Fprintf(out, "  +  %s\n", oneLine(r))
	}
	for _, r := range plan.Runs {
		fmt.Fprintf(out, "  >  %s\n", oneLine(r))
	}
	to.printNotes(plan)
	printLost(out, plan)
	if len(plan.Verdicts) > 0 {
		fmt.Fprintln(out, "Guards")
		var v table
		for _, verdict := range plan.Verdicts {
			word := "ok"
			if !verdict.Allowed {
				word = "refused"
			}
			v.rows = append(v.rows, []any{word, verdict.Guard, dash(verdict.Subject), verdict.Reason})
		}
		to.indented(v)
	}
}

// printLost says what the things hold that are taken away.
func printLost(out io.Writer, plan pave.Plan) {
	first := true
	for _, c := range plan.Changes {
		if c.Lost == "" {
			continue
		}
		if first {
			fmt.Fprintln(out, "What it holds")
			first = false
		}
		kept := " (not kept)"
		if c.Action == pave.ActionAside {
			kept = " (kept 7 days: pave restore " + oneLine(string(plan.Service)) + ")"
			if plan.Request.Request.Verb() != "delete service" && plan.Request.Request.Verb() != "undo" {
				kept = " (kept 7 days: pave undo brings it back)"
			}
		}
		fmt.Fprintf(out, "  %s %s: %s%s\n", c.Ref.Kind, oneLine(c.External), oneLine(c.Lost), kept)
	}
}

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
)

// eventData is what the events of runs and steps carry.
type eventData struct {
	Title   string   `json:"title"`
	Summary string   `json:"summary"`
	Reason  string   `json:"reason"`
	Hint    string   `json:"hint"`
	TookMS  int64    `json:"took_ms"`
	Attempt int      `json:"attempt"`
	Quiet   bool     `json:"quiet"`
	Lines   []string `json:"lines"` // of step.output
	Text    string   `json:"text"`  // of step.note
}

func dataOf(e pave.Event) eventData {
	var d eventData
	if len(e.Data) > 0 {
		_ = json.Unmarshal(e.Data, &d) // an event with other data has nothing to show
	}
	return d
}

// maxLastLines is how many lines of a failed program are shown.
const maxLastLines = 20

// A progress is the transcript of one run: a line for each step of it that ends,
// on a terminal also a moving line of the steps going on. It is fed with events.
type progress struct {
	a       *app
	out     io.Writer // where lines go
	run     string    // the run whose steps have lines; those of its child runs only with --verbose
	attempt int       // failures of earlier attempts are no news

	seen    int // the attempt that the events have come to
	running []going
	lines   []string // last lines of the newest step that failed
	linesOf string
	hint    string          // of the failed step
	told    map[string]bool // reasons that were told
	drawn   bool            // the moving line is there
}

// A going is a step that is not over.
type going struct {
	key, title string
	since      time.Time
	waits      string // what for, as last told
}

// tellAfter is how long a step may wait for something before it is said.
const tellAfter = 5 * time.Second

func newProgress(a *app, out io.Writer, run pave.Run) *progress {
	return &progress{a: a, out: out, run: run.ID, attempt: run.Attempts, seen: 1, told: map[string]bool{}}
}

// event shows what happened. It reports whether the run may have ended.
func (p *progress) event(e pave.Event) (ended bool) {
	d := dataOf(e)
	mine := e.Run == p.run
	switch e.Type {
	case "run.started":
		if mine {
			p.seen, p.running, p.lines, p.hint = max(1, d.Attempt), nil, nil, ""
		}
	case "run.done", "run.stopped", "run.canceled":
		return mine && p.seen >= p.attempt
	case "step.output":
		p.lines, p.linesOf = d.Lines, e.Step
	case "step.note":
		p.note(d.Text)
	case "step.started":
		if mine && !d.Quiet {
			p.start(e, d)
		}
	case "step.retry":
		p.waits(e, d)
	case "step.waiting":
		if mine && strings.HasPrefix(d.Reason, "this pave has no handler") {
			p.waits(e, d)
		}
		for i := range p.running {
			if mine && p.running[i].key == e.Step {
				p.running[i].waits = d.Reason
			}
		}
	case "step.done", "step.failed":
		p.end(e, d, mine)
	}
	return false
}

func (p *progress) start(e pave.Event, d eventData) {
	p.drop(e.Step)
	p.running = append(p.running, going{key: e.Step, title: d.Title, since: e.At})
}

func (p *progress) drop(key string) {
	p.running = slices.DeleteFunc(p.running, func(g going) bool { return g.key == key })
}

// end prints the line of a step that is over.
func (p *progress) end(e pave.Event, d eventData, mine bool) {
	if mine {
		p.drop(e.Step)
	}
	failed := e.Type == "step.failed"
	if failed && p.seen < p.attempt || d.Quiet && !failed {
		return
	}
	if !mine && !p.a.verbose {
		return
	}
	indent := ""
	if !mine {
		indent = "    "
	}
	took := seconds(time.Duration(d.TookMS) * time.Millisecond)
	if !failed {
		p.line(indent+p.a.paint(green, "[+]"), d.Title, d.Summary, took)
		return
	}
	p.hint = d.Hint
	p.line(indent+p.a.paint(red, "[!]"), d.Title, d.Reason, took)
	if mine {
		p.lastLines()
	}
}

// lastLines prints what the failed program wrote last, once.
func (p *progress) lastLines() {
	if len(p.lines) == 0 || p.a.quiet {
		return
	}
	fmt.Fprintf(p.out, "    last lines of %s:\n", oneLine(p.linesOf))
	for _, l := range p.lines[max(0, len(p.lines)-maxLastLines):] {
		fmt.Fprintf(p.out, "    | %s\n", oneLine(l))
	}
	p.lines = nil
}

// waits says on stderr, once, what a step waits for that cannot go on.
func (p *progress) waits(e pave.Event, d eventData) {
	key := e.Run + e.Step + d.Reason
	if p.told[key] || p.seen < p.attempt || d.Reason == "" {
		return
	}
	p.told[key] = true
	p.clear()
	p.a.say("%s waits and tries again: %s", oneLine(d.Title), oneLine(d.Reason))
	if d.Hint != "" {
		p.a.say("  next: %s", oneLine(d.Hint))
	}
}

// note tells on stderr, once, what people should know of what goes on.
func (p *progress) note(text string) {
	if text == "" || p.told[text] {
		return
	}
	p.told[text] = true
	p.clear()
	p.a.say("%s", oneLine(text))
}

// line prints one finished step.
func (p *progress) line(mark, title, what, took string) {
	p.clear()
	if p.a.quiet {
		return
	}
	fmt.Fprintf(p.out, "%s %s%s %s\n", mark, pad(oneLine(title), 16), pad(oneLine(what), 44), p.a.paint(dim, took))
}

// tick draws the moving line, and says on stderr what keeps a step waiting.
func (p *progress) tick(now time.Time) {
	for _, g := range p.running {
		// A child run shows for itself how far it is.
		if g.waits != "" && now.Sub(g.since) > tellAfter && g.key != "pipeline" && !strings.HasPrefix(g.waits, "rollout of") {
			p.note(g.title + " waits: " + g.waits)
		}
	}
	if !p.a.ornate() || p.a.quiet || len(p.running) == 0 || p.out != p.a.out {
		return
	}
	parts := []string{}
	for _, g := range p.running {
		parts = append(parts, fmt.Sprintf("%s %s", oneLine(g.title), seconds(max(0, now.Sub(g.since)))))
	}
	text := []rune("[.] " + strings.Join(parts, ", "))
	text = text[:min(len(text), columns(p.out)-1)]
	fmt.Fprintf(p.out, "\r\x1b[K%s", string(text))
	p.drawn = true
}

// clear removes the moving line.
func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = false
	}
}

package terraform

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
)

// The scripts of jobs. Their folder is that of the module. What is marked as sensitive
// terraform does not print; what the provider was given the node takes out of the log.
const (
	initScript = `set -e
umask 077
if [ ! -e ../` + readyFile + ` ]; then
  "$TERRAFORM" init -input=false -no-color -force-copy
  if [ -n "$REMOTE" ]; then
    rm -f ../` + stateFile + ` ../` + stateFile + `.backup
  else
    rm -f ../` + thingsFile + `
  fi
  touch ../` + readyFile + `
fi
` + listScript
	// What a state that is elsewhere holds is written down here, whatever comes of the job.
	listScript = `if [ -n "$REMOTE" ]; then
  trap '"$TERRAFORM" state list > ../` + thingsFile + `.new && mv ../` + thingsFile + `.new ../` + thingsFile + `' EXIT
fi
`
	planScript = initScript + `rm -f ../` + planFile + ` ../` + planJSONFile + `
"$TERRAFORM" plan -input=false -no-color -compact-warnings -lock-timeout=` + lockTime + ` -var-file=../` + varsFile + ` -out=../` + planFile + `
"$TERRAFORM" show -json ../` + planFile + ` > ../` + planJSONFile + `
`
	applyScript = `set -e
umask 077
` + listScript + `rm -f ../` + appliedFile + `
"$TERRAFORM" apply -input=false -no-color -compact-warnings -lock-timeout=` + lockTime + ` ../` + planFile + `
` + writeOutputs + `touch ../` + appliedFile + `
`
	destroyScript = initScript + `rm -f ../` + appliedFile + `
"$TERRAFORM" destroy -auto-approve -input=false -no-color -compact-warnings -lock-timeout=` + lockTime + ` -var-file=../` + varsFile + `
`
)

// outputScript writes down what the state gives out, wherever it is. What was known stays
// where that fails.
const (
	outputScript = initScript + writeOutputs
	writeOutputs = `"$TERRAFORM" output -json -no-color > ../` + outputsFile + `.new
mv ../` + outputsFile + `.new ../` + outputsFile + `
`
)

// lockTime is how long terraform waits for a state that somebody else has locked.
const lockTime = "30s"

// jobTime is how long one run of terraform may take.
const jobTime = 2 * time.Hour

// run runs a script as a job and waits for its end. A caller that gives up leaves the job
// going on: whoever comes next waits for it.
func (w *work) run(ctx context.Context, what, script string) error {
	id := "terraform." + w.r.ID
	if w.r.Job != "" {
		id = w.r.Job
	}
	id += "." + what + "-" + strings.ToLower(pave.NewID("x")[12:])
	if err := w.write(jobFile, []byte(id)); err != nil {
		return err
	}
	env := maps.Clone(w.d.Env)
	maps.Copy(env, map[string]string{"TERRAFORM": w.binary, "TF_CLI_CONFIG_FILE": w.dir + "/" + configFile, "TF_IN_AUTOMATION": "1",
		"TF_INPUT": "0", "REMOTE": map[bool]string{true: "1"}[w.remote], "CHECKPOINT_DISABLE": "1", "TMPDIR": w.dir + "/" + tmpDir})
	_, err := w.d.Node.PutJob(ctx, node.Job{ID: id, Dir: w.dir + "/" + moduleDir, Command: []string{"/bin/sh", "-c", script},
		Vars: env, Secrets: w.secrets, UID: w.d.UID, Timeout: jobTime})
	if err != nil {
		return err
	}
	st, err := w.ended(ctx, id)
	if err != nil {
		return err
	}
	if err := w.copyState(); err != nil {
		return err
	}
	if w.r.Job == "" { // nobody looks at its log
		defer func() { _ = w.d.Node.DeleteJob(context.WithoutCancel(ctx), id) }() // the node forgets it in time
	}
	switch {
	case st.State == node.JobDone:
		return nil
	case st.State == node.JobLost, st.Killed, st.ExitCode == 128+9: // the last is terraform below its shell
		return &failure{pave.Errorf(pave.Unavailable, "terraform was killed at %s", what).WithHint("%s", goesOn(again(what))), st.LastLines}
	}
	lines := w.said(ctx, id)
	return &failure{explain(what, st.Reason, lines), lines[max(0, len(lines)-20):]}
}

// said are the last lines of a job, from the first error on.
func (w *work) said(ctx context.Context, id string) []string {
	var lines []string
	for l, err := range w.d.Node.Logs(ctx, node.LogQuery{Job: id, Tail: 200}) {
		if err != nil {
			break // what is known is enough
		}
		lines = append(lines, l.Text)
	}
	lines = plain(lines)
	for i, l := range lines {
		if strings.HasPrefix(l, "Error: ") {
			return lines[i:]
		}
	}
	return lines
}

// ended waits for the end of a job.
func (w *work) ended(ctx context.Context, id string) (node.JobStatus, error) {
	for {
		st, err := w.d.Node.Job(ctx, id, 30*time.Second)
		if err != nil || st.State != node.JobRunning {
			return st, err
		}
		if err := ctxError(ctx); err != nil {
			return st, err
		}
	}
}

// running is the job that works on the resource now, "" for none.
func (w *work) running(ctx context.Context) string {
	id, _ := w.read(jobFile)
	if len(id) == 0 {
		return ""
	}
	st, err := w.d.Node.Job(ctx, string(id), 0)
	if err != nil || st.State != node.JobRunning {
		return ""
	}
	return string(id)
}

// await waits for a job that another server started.
func (w *work) await(ctx context.Context) error {
	id, err := w.read(jobFile)
	if err != nil || len(id) == 0 {
		return err
	}
	_, err = w.ended(ctx, string(id))
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	return err
}

// plan makes a plan and returns what it does, line by line.
func (w *work) plan(ctx context.Context, what string) ([]string, error) {
	if err := w.run(ctx, what, planScript); err != nil {
		return nil, err
	}
	data, err := w.read(planJSONFile)
	if err != nil {
		return nil, err
	}
	if err := w.remove(planJSONFile); err != nil { // it holds values that are secret
		return nil, err
	}
	lines, err := planLines(data)
	for i := range lines {
		for _, s := range w.secrets {
			if v := s.Reveal(); len(v) > 3 {
				lines[i] = strings.ReplaceAll(lines[i], v, s.String())
			}
		}
	}
	if what != "plan" {
		_ = w.remove(planFile) // nobody applies it; the next one removes it too
	}
	return lines, err
}

// apply carries out the plan that was saved.
func (w *work) apply(ctx context.Context) error {
	if err := w.run(ctx, "apply", applyScript); err != nil {
		return err
	}
	return w.remove(planFile, triedFile)
}

// A failure is an error with the last lines of terraform.
type failure struct {
	err   error
	lines []string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// plain takes the frames off terraform's messages.
func plain(lines []string) []string {
	var out []string
	for _, l := range lines {
		if l = strings.TrimSpace(strings.TrimLeft(l, "╷│╵ ")); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// temporary are parts of messages after which a further try is worth it.
var temporary = []string{"acquiring the state lock", "did not respond", "Request cancelled", "plugin process exited", "connection refused", "connection reset",
	"no such host", "timed out", "timeout", "TLS handshake", "Too Many Requests", "Throttl", "try again", "Service Unavailable"}

// again is what people do once what failed for a while may work: nothing is left of a look.
func again(what string) string {
	if what == "look" {
		return "give the same command again"
	}
	return "pave retry"
}

func goesOn(again string) string {
	if again == "pave retry" {
		return again + " goes on from here"
	}
	return again + " in a moment"
}

// explain makes an error of how terraform ended.
func explain(what, reason string, lines []string) error {
	message := reason
	if len(lines) > 0 {
		message = lines[len(lines)-1]
	}
	for i, l := range lines {
		if rest, ok := strings.CutPrefix(l, "Error: "); ok {
			message = rest
			if more := detail(lines[i+1:]); more != "" {
				message += ": " + more
			}
			break
		}
	}
	mend := "mend the module or the binding with pave bind, then pave undo and the command again: pave retry goes on with the module and the values of its plan"
	again := again(what)
	if what == "look" { // for people: no run has stopped
		what, mend = "plan", "mend the module or the binding with pave bind, then give the command again"
	}
	message = fmt.Sprintf("terraform %s: %s", what, short(message, 500))
	all := strings.Join(lines, "\n")
	if strings.Contains(all, "acquiring the state lock") {
		return pave.Errorf(pave.Unavailable, "terraform %s: the state is locked%s", what, holder(lines)).
			WithHint("%s once it is free; a lock whose holder is gone: terraform force-unlock takes it away", again)
	}
	for _, t := range temporary {
		if strings.Contains(all, t) {
			return pave.Errorf(pave.Unavailable, "%s", message).WithHint("%s", goesOn(again))
		}
	}
	if strings.Contains(all, "already exists") {
		return pave.Errorf(pave.Conflict, "%s", message).WithHint("rename or remove what is there, then %s", again)
	}
	return pave.Errorf(pave.Invalid, "%s", message).WithHint("%s", mend)
}

// holder says who has a lock, where terraform says it.
func holder(lines []string) string {
	var out string
	for _, l := range lines {
		if _, id, ok := strings.Cut(l, "already locked: ID="); ok { // what else is said then is said of us
			return ", id: " + short(id, 80)
		}
		for _, word := range []string{"ID:", "Operation:", "Who:", "Created:"} {
			if value, ok := strings.CutPrefix(l, word); ok && strings.TrimSpace(value) != "" {
				out += ", " + strings.ToLower(word) + " " + short(strings.TrimSpace(value), 80)
			}
		}
	}
	return out
}

// detail joins what a message says below its title.
func detail(lines []string) string {
	var out []string
	for _, l := range lines {
		switch {
		case strings.HasPrefix(l, "Error: "), strings.HasPrefix(l, "Warning: "):
			return strings.Join(out, " ")
		case strings.HasPrefix(l, "with "), strings.HasPrefix(l, "on "), strings.HasPrefix(l, "├"):
		default:
			out = append(out, l)
		}
	}
	return strings.Join(out, " ")
}

func short(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "..."
	}
	return s
}

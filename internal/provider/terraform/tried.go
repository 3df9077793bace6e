package terraform

import (
	"slices"
	"strings"
)

// tried are the addresses that the job of a step has begun to make, or to make anew, in an
// earlier try that failed.
func (w *work) tried() ([]string, error) {
	data, err := w.read(triedFile)
	if err != nil || len(data) == 0 {
		return nil, err
	}
	lines := strings.Split(string(data), "\n")
	if w.r.Job == "" || lines[0] != w.r.Job { // another run began it, and the state tells how that ended
		return nil, nil
	}
	return lines[1:], nil
}

// notTried are the lines of a plan without those that finish what the same step tried to
// make before: what is half made, or taken away to be made anew, was shown.
func notTried(lines, tried []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		op, address, _ := strings.Cut(head(line), " ")
		return slices.Contains(tried, address) && (op == "+" || op == "!" && strings.HasSuffix(line, tainted))
	})
}

// try writes down what is about to be made, beside what was tried before.
func (w *work) try(lines, tried []string) error {
	if w.r.Job == "" {
		return nil
	}
	all := append([]string{w.r.Job}, tried...)
	for _, line := range lines {
		if op, address, _ := strings.Cut(head(line), " "); (op == "+" || op == "!") && !slices.Contains(all, address) {
			all = append(all, address)
		}
	}
	return w.write(triedFile, []byte(strings.Join(all, "\n")))
}

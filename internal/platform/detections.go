package platform

import (
	"encoding/json"
	"io/fs"
	"sync"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/pipeline"
)

// detections remember what was detected of each service's newest commit: a commit never
// changes, and the same is looked at again and again. The zero value is ready.
type detections struct {
	mu  sync.Mutex
	all map[string]detection // by service
}

type detection struct {
	key  string // of commit and what was said of it
	pipe pipeline.Pipeline
	err  error
}

// detect is the package's detect, once for each commit. Errors other than Invalid are
// not remembered: they are not of the commit.
func (d *detections) detect(service, commit string, tree fs.FS, want pave.Wanted) (pipeline.Pipeline, error) {
	said, err := json.Marshal([]*pave.Override{want.Run, want.Defaults})
	if err != nil {
		return pipeline.Pipeline{}, err
	}
	key := commit + string(said)
	d.mu.Lock()
	known, ok := d.all[service]
	d.mu.Unlock()
	if ok && known.key == key {
		return known.pipe, known.err
	}
	now := detection{key: key}
	now.pipe, now.err = detect(tree, want)
	if now.err == nil || pave.CodeOf(now.err) == pave.Invalid {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.all == nil {
			d.all = map[string]detection{}
		}
		d.all[service] = now
	}
	return now.pipe, now.err
}

// forget forgets a service that is gone.
func (d *detections) forget(service string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.all, service)
}

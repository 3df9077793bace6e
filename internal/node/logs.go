package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// logLimits bound one log: at most segments files of size bytes.
type logLimits struct {
	size     int64
	segments int
}

var defaultLogLimits = logLimits{size: 4 << 20, segments: 5}

// A logFile is the log of one item: a folder of segments, each named by the
// cursor of its first line. Lines are JSON.
type logFile struct {
	dir    string
	limits logLimits

	mu      sync.Mutex
	file    *os.File
	size    int64
	next    int64         // cursor of the next line
	dropped int           // lines lost since the disk was full
	changed chan struct{} // closed and replaced at every change
	ended   bool          // nothing more will be written
}

// openLog opens the log in dir, or begins it. A line that a crash cut in the
// middle is taken off.
func openLog(dir string, limits logLimits) (*logFile, error) {
	l := &logFile{dir: dir, limits: limits, next: 1, changed: make(chan struct{})}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, diskError(dir, err)
	}
	segs, err := segments(dir)
	if err != nil {
		return nil, err
	}
	if len(segs) == 0 {
		return l, nil
	}
	first := segs[len(segs)-1]
	path := segmentPath(dir, first)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, diskError(path, err)
	}
	whole := bytes.LastIndexByte(data, '\n') + 1
	l.next, l.size = first+int64(bytes.Count(data[:whole], []byte{'\n'})), int64(whole)
	if l.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, diskError(path, err)
	}
	if whole < len(data) {
		if err := l.file.Truncate(l.size); err != nil {
			return nil, diskError(path, err)
		}
	}
	return l, nil
}

func segmentPath(dir string, first int64) string {
	return filepath.Join(dir, fmt.Sprintf("%016d.log", first))
}

// segments lists the first cursors of a log's segments, oldest first.
func segments(dir string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, diskError(dir, err)
	}
	var firsts []int64
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".log")
		if n, err := strconv.ParseInt(name, 10, 64); ok && err == nil {
			firsts = append(firsts, n)
		}
	}
	slices.Sort(firsts)
	return firsts, nil
}

// add appends a line. A log never stops the program that writes it: what the
// disk does not take is counted, and told when there is room again.
func (l *logFile) add(source, stream, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	if l.dropped > 0 {
		note := fmt.Sprintf("%d lines are lost: the disk was full", l.dropped)
		if l.write(source, "node", note) != nil {
			l.dropped++
			return
		}
		l.dropped = 0
	}
	if l.write(source, stream, text) != nil {
		l.dropped++
	}
	l.signal()
}

func (l *logFile) write(source, stream, text string) error {
	line, err := json.Marshal(LogLine{Cursor: l.next, At: time.Now().UTC(), Source: source, Stream: stream, Text: text})
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if l.file == nil || l.size > 0 && l.size+int64(len(line)) > l.limits.size {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	if n, err := l.file.Write(line); err != nil {
		if n > 0 {
			_ = l.file.Truncate(l.size) // no half lines
		}
		return err
	}
	l.size += int64(len(line))
	l.next++
	return nil
}

// rotate begins a new segment and removes the oldest ones.
func (l *logFile) rotate() error {
	f, err := os.OpenFile(segmentPath(l.dir, l.next), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if l.file != nil {
		l.file.Close()
	}
	l.file, l.size = f, 0
	segs, err := segments(l.dir)
	if err != nil {
		return err
	}
	for len(segs) > l.limits.segments {
		os.Remove(segmentPath(l.dir, segs[0]))
		segs = segs[1:]
	}
	return nil
}

// signal wakes the readers. The caller holds mu.
func (l *logFile) signal() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// end says that nothing more comes: readers that follow stop at the last line.
func (l *logFile) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.ended = true
		l.signal()
	}
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}

// state returns the cursor of the last line, whether it is the last for good,
// and a channel that is closed when that changes.
func (l *logFile) state() (last int64, ended bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next - 1, l.ended, l.changed
}

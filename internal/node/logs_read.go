package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
)

// read gives the lines after the cursor since, or the last tail lines when since
// is 0 and tail is not; with follow also those to come, until ctx or the log
// ends. Lines that rotation took away are left out. It calls idle when there is
// nothing more for now, and returns what emit or idle do.
func (l *logFile) read(ctx context.Context, q LogQuery, emit func([]byte) error, idle func() error) error {
	last, ended, changed := l.state()
	at := q.Since
	if q.Since == 0 && q.Tail > 0 {
		at = max(0, last-int64(q.Tail))
	}
	r := segmentReader{log: l}
	defer r.close()
	for {
		var err error
		if at, err = r.upTo(ctx, at, last, emit); err != nil {
			return err
		}
		if err := idle(); err != nil || !q.Follow || ended {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
		last, ended, changed = l.state()
	}
}

// A segmentReader stays at its place in the segments, so that following a log
// reads every line once.
type segmentReader struct {
	log  *logFile
	file *os.File
	in   *bufio.Reader
	want int64 // cursor the open segment was opened for
	at   int64 // cursor of the last line that was read
}

func (r *segmentReader) close() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
}

// upTo emits the lines after the cursor at, up to last, which was written. It
// returns the cursor it came to.
func (r *segmentReader) upTo(ctx context.Context, at, last int64, emit func([]byte) error) (int64, error) {
	for at < last {
		if err := ctx.Err(); err != nil {
			return at, err
		}
		if r.file == nil {
			if err := r.open(at + 1); err != nil {
				return at, err
			}
			if r.file == nil {
				return last, nil // all of it was rotated away
			}
		}
		line, err := r.in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			// Lines are written whole and last exists: it is in a later segment.
			r.close()
			if r.at < r.want {
				return last, nil // somebody took lines away: never search for ever
			}
			continue
		}
		if err != nil {
			return at, diskError(r.file.Name(), err)
		}
		r.at++
		if r.at <= at {
			continue
		}
		at = r.at
		if err := emit(line); err != nil {
			return at, err
		}
	}
	return at, nil
}

// open opens the segment that holds the line of the cursor, or the oldest one
// that comes later.
func (r *segmentReader) open(cursor int64) error {
	for range 5 { // rotation may remove a segment between listing and opening
		segs, err := segments(r.log.dir)
		if err != nil || len(segs) == 0 {
			return err
		}
		pick := segs[0]
		for _, first := range segs {
			if first <= cursor {
				pick = first
			}
		}
		f, err := os.Open(segmentPath(r.log.dir, pick))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return diskError(r.log.dir, err)
		}
		// A line is at most 64 KiB of text, which JSON makes six times as long.
		r.file, r.in, r.want, r.at = f, bufio.NewReaderSize(f, 512<<10), cursor, pick-1
		return nil
	}
	return nil
}

// decodeLine is the inverse of what add writes.
func decodeLine(data []byte) (LogLine, error) {
	var line LogLine
	err := json.Unmarshal(data, &line)
	return line, err
}

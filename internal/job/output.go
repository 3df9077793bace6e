package job

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// cutMark ends a line that was longer than allowed.
const cutMark = " ... (line cut)"

// output reads both streams of a program and tells its lines one at a time.
type output struct {
	stdout, stderr pipe
	tell           func(Line)
	mu             sync.Mutex // orders the lines of both streams
	redact         *Redactor
	maxLine        int
	room           int64 // bytes that may still be told; guarded by mu
	truncated      atomic.Bool
	readers        sync.WaitGroup
}

type pipe struct{ r, w *os.File }

func newOutput(s Spec) (*output, error) {
	secrets := s.Redact
	for _, v := range s.Secrets {
		secrets = append(secrets[:len(secrets):len(secrets)], v)
	}
	o := &output{tell: s.Output, redact: NewRedactor(secrets...), maxLine: s.MaxLine, room: s.MaxOutput}
	var err1, err2 error
	o.stdout.r, o.stdout.w, err1 = os.Pipe()
	o.stderr.r, o.stderr.w, err2 = os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		o.closeAll()
		return nil, err
	}
	return o, nil
}

func (o *output) closeAll() {
	for _, f := range []*os.File{o.stdout.r, o.stdout.w, o.stderr.r, o.stderr.w} {
		if f != nil {
			f.Close()
		}
	}
}

// start closes our copies of the writing ends and reads until the last other
// copy is closed.
func (o *output) start() {
	o.stdout.w.Close()
	o.stderr.w.Close()
	o.readers.Go(func() { o.read("stdout", o.stdout.r) })
	o.readers.Go(func() { o.read("stderr", o.stderr.r) })
}

// finish waits for the end of both streams, at most for the grace.
func (o *output) finish(grace time.Duration) {
	read := make(chan struct{})
	go func() { o.readers.Wait(); close(read) }()
	select {
	case <-read:
	case <-time.After(grace):
	}
	o.stdout.r.Close()
	o.stderr.r.Close()
	<-read
}

func (o *output) read(stream string, r *os.File) {
	// A secret that lies across the cut must still be found, so a bit more than
	// a line is kept until it was redacted.
	keep := o.maxLine + o.redact.Longest()
	in := bufio.NewReaderSize(r, 32<<10)
	var line []byte
	long, some := false, false
	for {
		part, err := in.ReadSlice('\n')
		some = some || len(part) > 0
		if room := keep - len(line); len(part) > room && !(len(part) == room+1 && part[room] == '\n') {
			long, part = true, part[:room]
		}
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if some {
			o.line(stream, line, long)
		}
		line, long, some = line[:0], false, false
		if err != nil {
			return
		}
	}
}

func (o *output) line(stream string, raw []byte, long bool) {
	text := strings.TrimRight(string(raw), "\r\n")
	text = o.redact.String(text)
	if len(text) > o.maxLine || long {
		text = strings.ToValidUTF8(text[:min(len(text), o.maxLine)], "") + cutMark
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.truncated.Load() {
		return
	}
	if o.room -= int64(len(text)) + 1; o.room < 0 {
		o.truncated.Store(true)
		text = "... (output over its limit: the rest is not kept)"
	}
	o.tell(Line{Stream: stream, Text: text})
}

// maxTailLine bounds each line of a Tail: it is for people to glance at.
const maxTailLine = 500

// A Tail keeps the last lines it is given, the beginnings of long ones. It is safe for concurrent use.
type Tail struct {
	mu    sync.Mutex
	max   int
	lines []string
}

// NewTail returns a Tail of at most n lines.
func NewTail(n int) *Tail { return &Tail{max: n} }

// Add appends a line.
func (t *Tail) Add(line string) {
	if len(line) > maxTailLine {
		line = strings.ToValidUTF8(line[:maxTailLine], "") + " ..."
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == t.max {
		copy(t.lines, t.lines[1:])
		t.lines = t.lines[:t.max-1]
	}
	t.lines = append(t.lines, line)
}

// Lines returns the lines, oldest first.
func (t *Tail) Lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.lines...)
}

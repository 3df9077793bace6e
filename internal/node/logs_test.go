package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func readLog(t *testing.T, l *logFile, q LogQuery) (lines []LogLine) {
	t.Helper()
	err := l.read(t.Context(), q, func(data []byte) error {
		line, err := decodeLine(data)
		lines = append(lines, line)
		return err
	}, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestLogCursorOverRotationAndRestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	limits := logLimits{size: 2000, segments: 3}
	l, err := openLog(dir, limits)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 100; i++ {
		if i%30 == 0 { // the node dies in the middle of a line
			segs, _ := segments(dir)
			f, _ := os.OpenFile(segmentPath(dir, segs[len(segs)-1]), os.O_APPEND|os.O_WRONLY, 0)
			fmt.Fprint(f, `{"c":99,"x":"half`)
			f.Close()
			if l, err = openLog(dir, limits); err != nil {
				t.Fatal(err)
			}
		}
		l.add("web-0", "stdout", fmt.Sprintf("line %d \x1b[0m \xff", i))
	}
	all := readLog(t, l, LogQuery{})
	if len(all) < 20 || len(all) >= 100 {
		t.Fatalf("%d lines are kept", len(all))
	}
	for i, line := range all {
		if want := all[0].Cursor + int64(i); line.Cursor != want || !strings.HasPrefix(line.Text, fmt.Sprintf("line %d ", want)) {
			t.Fatalf("line %d has cursor %d and text %q", want, line.Cursor, line.Text)
		}
	}
	if last := all[len(all)-1].Cursor; last != 100 {
		t.Errorf("last cursor %d", last)
	}
	for _, c := range []struct {
		reason      string
		q           LogQuery
		first, last int64
	}{
		{"a cursor in the middle", LogQuery{Since: 90}, 91, 100},
		{"a cursor that was rotated away gives all there is", LogQuery{Since: 1}, all[0].Cursor, 100},
		{"the tail may span segments", LogQuery{Tail: 30}, 71, 100},
		{"the newest line alone", LogQuery{Tail: 1}, 100, 100},
	} {
		got := readLog(t, l, c.q)
		if len(got) == 0 || got[0].Cursor != c.first || got[len(got)-1].Cursor != c.last || int64(len(got)) != c.last-c.first+1 {
			t.Errorf("%s: %d lines, want %d to %d", c.reason, len(got), c.first, c.last)
		}
	}
	if got := readLog(t, l, LogQuery{Since: 100}); len(got) != 0 {
		t.Errorf("after the last line came %v", got)
	}
	if segs, _ := segments(dir); len(segs) != 3 {
		t.Errorf("%d segments, want 3", len(segs))
	}
}

func TestFollowSeesEveryLineOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *Options) { o.logLimits = logLimits{size: 20 << 10, segments: 500} })
	b.put(b.workload("wl", "g1"), StateRunning)
	const count = 20000
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	got := make(chan int64, 1)
	go func() {
		next := int64(1)
		for line, err := range b.Logs(ctx, LogQuery{Workload: "wl", Follow: true}) {
			if err != nil || line.Cursor != next {
				t.Errorf("line %d has cursor %d, %v", next, line.Cursor, err)
				break
			}
			if next++; line.Text == "the last line" {
				break
			}
		}
		got <- next
	}()
	for i := range count {
		b.node.mu.Lock()
		l := b.node.logs["workload/wl"]
		b.node.mu.Unlock()
		l.add("test", "stdout", fmt.Sprint("line ", i))
		if i == count/2 { // a crash; the next node of the home goes on
			b.end()
			<-b.done
			b.start()
		}
	}
	b.node.mu.Lock()
	l := b.node.logs["workload/wl"]
	b.node.mu.Unlock()
	l.add("test", "stdout", "the last line")
	if lines := <-got; lines < count {
		t.Errorf("only %d lines came", lines)
	}
}

func TestLogOnAFullDisk(t *testing.T) {
	t.Parallel()
	l, err := openLog(filepath.Join(t.TempDir(), "log"), defaultLogLimits)
	if err != nil {
		t.Fatal(err)
	}
	l.add("web-0", "stdout", "before")
	good := l.file
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	l.file = full
	l.add("web-0", "stdout", "lost")
	l.add("web-0", "stdout", "lost too")
	l.file = good
	l.add("web-0", "stdout", "after")
	var text []string
	for _, line := range readLog(t, l, LogQuery{}) {
		text = append(text, line.Text)
	}
	if got := strings.Join(text, "|"); got != "before|2 lines are lost: the disk was full|after" {
		t.Errorf("log %q", got)
	}
}

package server

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/pave-platform/pave"
)

// What grows is bounded: runs with their events, plans and effects by Keep, logs of
// programs by the node, our own logs here. The audit log is never cut: a chain with a
// part missing proves less, and its rows are small.

const (
	keepDays = 90
	maxKeep  = 3650
	// maxLog is how large a log of ours becomes before it is moved to NAME.1.
	maxLog = 10 << 20
)

// keepFor reads a number of days.
func keepFor(days string) (time.Duration, error) {
	n, err := strconv.Atoi(or(days, strconv.Itoa(keepDays)))
	if err != nil || n < 1 || n > maxKeep {
		return 0, pave.BadField("PAVE_KEEP", days, "is no number of days, 1 to 3650", "for example PAVE_KEEP=90")
	}
	return time.Duration(n) * 24 * time.Hour, nil
}

// boundLog keeps a log of ours small that this process goes on writing to, until ctx
// ends.
func (c Config) boundLog(ctx context.Context, name string) {
	for {
		_ = shorten(c.path("logs", name), maxLog) // a log that cannot be shortened is tried again
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Minute):
		}
	}
}

// shorten copies a log that is too large to NAME.1 and empties it. It is opened for
// appending, so that its writer goes on at the beginning.
func shorten(path string, most int64) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() <= most {
		return nil
	}
	if err != nil {
		return err
	}
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path+".1", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, io.LimitReader(from, 2*most))
	return errors.Join(err, to.Close(), os.Truncate(path, 0))
}

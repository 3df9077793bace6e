package world

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Second starts a further server of the home, named b, and waits until it answers.
// Nobody but the test starts it again.
func (h *Home) Second() (pid int, err error) {
	log, err := os.OpenFile(h.Dir+"/logs/server-b.log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	cmd := exec.Command(h.Pave, "server", "--name", "b", "--listen", "127.0.0.1:0")
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = h.env, "/", log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: h.as}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go cmd.Wait() //nolint:errcheck // it is killed
	pid = cmd.Process.Pid
	return pid, eventually(h.Patience, func() error {
		if s := h.stat("b"); s.PID != pid {
			return fmt.Errorf("server b is %d, want %d", s.PID, pid)
		}
		return nil
	})
}

// Use makes calls go to the server of a name from now on, "" for the first.
func (h *Home) Use(server string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.server = server
}

// Executor is the process of the server that carries out runs, and how often that
// has changed.
func (h *Home) Executor(ctx context.Context) (pid int, epoch int64, err error) {
	db, err := h.storage(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer db.Close()
	var holder string
	if err := db.QueryRow(ctx, `SELECT holder, epoch FROM executor WHERE id = 1`).Scan(&holder, &epoch); err != nil {
		return 0, 0, err
	}
	pid, err = strconv.Atoi(holder[strings.LastIndex(holder, "/")+1:])
	return pid, epoch, err
}

// Overtaken waits until another server than that of an epoch carries out runs, and
// says how long that took.
func (h *Home) Overtaken(ctx context.Context, epoch int64) (time.Duration, error) {
	began := time.Now()
	db, err := h.storage(ctx)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	for now := epoch; now == epoch; time.Sleep(5 * time.Millisecond) {
		if err := db.QueryRow(ctx, `SELECT epoch FROM executor WHERE id = 1`).Scan(&now); err != nil {
			return 0, err
		}
		if time.Since(began) > h.Patience {
			return 0, fmt.Errorf("nobody has taken over within %s", h.Patience)
		}
	}
	return time.Since(began), nil
}

// Later makes the store look like that of a pave to come.
func (h *Home) Later(ctx context.Context) error {
	db, err := h.storage(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(ctx, `INSERT INTO migrations (name, applied) VALUES ('9999_later.sql', 0)`)
	return err
}

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// leaveTime is what a command gets to end by itself after Ctrl-C.
const leaveTime = 5 * time.Second

func (a *app) exec() *cobra.Command {
	var r pave.Exec
	var within time.Duration
	cmd := &cobra.Command{
		Use: "exec NAME -- CMD [ARG...]", Short: "Run a command beside a process of a service",
		Long: "Run a command beside a process of a service: in the folder of the release that serves, as the\n" +
			"service's user, with its variables and secrets. Input, output and the exit code are the command's\n" +
			"own; -t gives it a terminal. It is ended when this command ends or loses the server. A developer\n" +
			"of the team may, in a protected environment a lead; the audit log keeps who ran what.",
		Example: examples("pave exec payment-processor -- env", "pave exec payment-processor --env production -t -- sh",
			"pave exec payment-processor -- sh -c 'cat > /tmp/in' < FILE"),
		Args: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); dash != 1 || len(args) < 2 {
				return usagef("pave exec needs the name of a service, -- and a command").WithHint("%s", firstExample(cmd))
			}
			return nil
		},
		ValidArgsFunction: a.completeArg(serviceNames),
	}
	f := cmd.Flags()
	f.StringVar(&r.Environment, "env", "", "`ENVIRONMENT`; the lowest-ranked of the service without")
	f.StringVar(&r.Instance, "instance", "", "beside the process of this `NAME` (pave status); any that is ready without")
	f.BoolVarP(&r.Terminal, "terminal", "t", false, "give the command a terminal")
	f.DurationVar(&within, "for", pave.DefaultExec, "how long it may take, at most 8h")
	complete(cmd, "env", environmentNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := nameArg(args[0]); err != nil {
			return err
		}
		if within < time.Second || within > pave.MaxExec {
			return pave.BadField("for", within.String(), "must be 1s to "+pave.MaxExec.String(), "--for 1h")
		}
		if r.Terminal && !a.tty.in {
			return usagef("-t needs a terminal to work on").WithHint("leave -t out")
		}
		r.Command, r.Seconds = args[1:], int(within/time.Second)
		return a.runSession(cmd.Context(), args[0], r)
	}
	return cmd
}

// runSession runs a command and ends as it does.
func (a *app) runSession(ctx context.Context, service string, r pave.Exec) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	s := &session{frames: make(chan frame)}
	if r.Terminal {
		restore, err := s.raw(life, &r)
		if err != nil {
			return err
		}
		defer restore()
	}
	go s.interrupt(ctx, life, end)
	body, err := a.api().Exec(life, service, r, func(w io.Writer) { s.feed(life, w) })
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	defer body.Close()
	go s.read(life, a.in)
	code, err := s.show(body, a.out, a.err)
	switch {
	case err != nil && ctx.Err() != nil:
		return errInterrupted
	case err != nil:
		return err
	case code.Reason != "":
		fmt.Fprintf(a.err, "pave: the command was %s\n", oneLine(code.Reason))
	}
	if code.Code != 0 {
		return &exitError{code: code.Code}
	}
	return nil
}

// A session is a command that runs elsewhere, with our streams.
type session struct {
	frames chan frame
	once   sync.Once
}

type frame struct {
	kind byte
	data []byte
}

// send hands a frame to whoever feeds the command.
func (s *session) send(life context.Context, kind byte, data []byte) {
	select {
	case s.frames <- frame{kind, data}:
	case <-life.Done():
	}
}

// feed writes frames until life ends.
func (s *session) feed(life context.Context, w io.Writer) {
	for {
		select {
		case f := <-s.frames:
			if pave.WriteFrame(w, f.kind, f.data) != nil {
				return
			}
		case <-life.Done():
			return
		}
	}
}

// read sends what comes in.
func (s *session) read(life context.Context, in io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := in.Read(buf)
		if n > 0 {
			s.send(life, pave.FrameStdin, append([]byte{}, buf[:n]...))
		}
		if err != nil {
			s.send(life, pave.FrameStdin, nil)
			return
		}
	}
}

// interrupt passes Ctrl-C on, and gives up waiting for the end a little later.
func (s *session) interrupt(ctx, life context.Context, end func()) {
	select {
	case <-ctx.Done():
	case <-life.Done():
		return
	}
	s.send(life, pave.FrameSignal, []byte("INT"))
	select {
	case <-time.After(leaveTime):
		end()
	case <-life.Done():
	}
}

// raw lets every key through to the command, and its size follow ours.
func (s *session) raw(life context.Context, r *pave.Exec) (restore func(), err error) {
	fd := int(os.Stdin.Fd())
	r.Term = os.Getenv("TERM")
	size := func() pave.Size {
		columns, rows, err := term.GetSize(fd)
		if err != nil {
			return pave.Size{Rows: 24, Columns: 80}
		}
		return pave.Size{Rows: uint16(rows), Columns: uint16(columns)}
	}
	r.Size = size()
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "the terminal cannot be set: %w", err).WithHint("leave -t out")
	}
	changes := make(chan os.Signal, 1)
	signal.Notify(changes, syscall.SIGWINCH)
	go func() {
		for {
			select {
			case <-changes:
				if data, err := json.Marshal(size()); err == nil {
					s.send(life, pave.FrameSize, data)
				}
			case <-life.Done():
				return
			}
		}
	}()
	return func() {
		s.once.Do(func() {
			signal.Stop(changes)
			_ = term.Restore(fd, before)
		})
	}, nil
}

// show writes what the command writes, and returns how it ended.
func (s *session) show(in io.Reader, out, errs io.Writer) (end pave.ExecEnd, err error) {
	for {
		kind, data, err := pave.ReadFrame(in)
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = pave.Errorf(pave.Unavailable, "the connection to the command was lost: it is ended").WithHint("pave audit --action exec; then try again")
			}
			return end, err
		}
		switch kind {
		case pave.FrameStdout:
			_, err = out.Write(data)
		case pave.FrameStderr:
			_, err = errs.Write(data)
		case pave.FrameEnd:
			err = json.Unmarshal(data, &end)
			return end, err
		}
		if err != nil {
			return end, err
		}
	}
}

// Command bench measures pave against the same work done by hand, in one run:
// create to the first answer, start of the command line, idle memory, size. Run it
// by "make bench".
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 5, "how often create and the script are run, in turn")
	flag.Parse()
	b, err := newBench()
	if err == nil {
		err = b.run(*rounds)
		b.stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench has a home of its own, and a Go cache for the script beside it.
type bench struct {
	dir, pave string
	env       []string
}

func newBench() (*bench, error) {
	dir, err := os.MkdirTemp("/tmp", "pvb")
	if err != nil {
		return nil, err
	}
	pave, err := filepath.Abs("bin/pave")
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir, pave: pave}
	b.env = append(os.Environ(), "PAVE_HOME="+filepath.Join(dir, "home"), "PAVE_CONFIG="+filepath.Join(dir, "keys"),
		"PAVE_LISTEN=127.0.0.1:0", "PAVE_ROUTER=127.0.0.1:0")
	return b, os.Chmod(dir, 0o711)
}

func (b *bench) stop() {
	_ = b.command("down").Run()
	_ = os.RemoveAll(b.dir)
}

func (b *bench) command(args ...string) *exec.Cmd {
	cmd := exec.Command(b.pave, args...)
	cmd.Env = b.env
	return cmd
}

func (b *bench) output(args ...string) (string, error) {
	var out, errs bytes.Buffer
	cmd := b.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("pave %s: %w\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return strings.TrimSpace(out.String()), err
}

func (b *bench) run(rounds int) error {
	if _, err := b.output("up"); err != nil {
		return err
	}
	cold, err := b.create("cold-service")
	if err != nil {
		return err
	}
	fmt.Printf("create, cold caches                  %8.2f s\n", cold.Seconds())
	tree := filepath.Join(b.dir, "tree")
	if err := exec.Command("cp", "-r", b.newestTree(), tree).Run(); err != nil {
		return err
	}
	_ = os.RemoveAll(filepath.Join(tree, "bin"))
	if _, err := b.byHand(tree, "warm-up"); err != nil {
		return err
	}
	var create, hand []time.Duration
	for i := range rounds {
		c, err := b.create(fmt.Sprintf("service-%d", i))
		if err != nil {
			return err
		}
		h, err := b.byHand(tree, fmt.Sprintf("hand-%d", i))
		if err != nil {
			return err
		}
		create, hand = append(create, c), append(hand, h)
	}
	fmt.Printf("create to the first 200, warm        %8.2f s   median of %d\n", median(create).Seconds(), rounds)
	fmt.Printf("the same by hand, warm               %8.2f s   median of %d\n", median(hand).Seconds(), rounds)
	fmt.Printf("ratio                                %8.2f     budget 1.3\n", ratio(median(create), median(hand)))
	if err := b.start(); err != nil {
		return err
	}
	return b.sizes()
}

// create makes a service and asks it once: the time from the command's start to
// the first 200.
func (b *bench) create(name string) (time.Duration, error) {
	begin := time.Now()
	_, err := b.output("create", "service", "--name", name, "--template", "go-http", "--team", "bench", "--env", "staging",
		"--database", "postgresql")
	if err != nil {
		return 0, err
	}
	address, err := b.output("status", name, "--json", "deployments", "--jq", ".deployments[0].address")
	if err != nil {
		return 0, err
	}
	resp, err := http.Get(strings.Trim(address, `"`) + "/")
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s answers %s", name, resp.Status)
	}
	return time.Since(begin), nil
}

// byHand runs the committed script against the same PostgreSQL server.
func (b *bench) byHand(tree, name string) (time.Duration, error) {
	work := filepath.Join(b.dir, name)
	if err := os.Mkdir(work, 0o755); err != nil {
		return 0, err
	}
	socket, port, err := b.postgres()
	if err != nil {
		return 0, err
	}
	script, err := filepath.Abs("scripts/by-hand")
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(script, tree, work, socket, port, name)
	cmd.Env = append(os.Environ(), "GOCACHE="+filepath.Join(b.dir, "hand-cache"), "GOMODCACHE="+filepath.Join(b.dir, "hand-mod"),
		"GOFLAGS=-modcacherw "+os.Getenv("GOFLAGS"))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	begin := time.Now()
	err = cmd.Run()
	took := time.Since(begin)
	if data, rerr := os.ReadFile(filepath.Join(work, "pid")); rerr == nil {
		if pid, perr := strconv.Atoi(strings.TrimSpace(string(data))); perr == nil {
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("by-hand: %w\n%s", err, errs.String())
	}
	return took, nil
}

// postgres finds the server that the node runs by its socket.
func (b *bench) postgres() (socket, port string, err error) {
	var found string
	err = filepath.WalkDir(filepath.Join(b.dir, "home", "node"), func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(filepath.Base(path), ".s.PGSQL.") && !strings.HasSuffix(path, ".lock") {
			found = path
		}
		return nil
	})
	if found == "" {
		return "", "", fmt.Errorf("no socket of PostgreSQL: %v", err)
	}
	return filepath.Dir(found), strings.TrimPrefix(filepath.Base(found), ".s.PGSQL."), nil
}

// newestTree is the tree of the release built last.
func (b *bench) newestTree() string {
	dirs, _ := filepath.Glob(filepath.Join(b.dir, "home", "releases", "*"))
	slices.Sort(dirs)
	if len(dirs) == 0 {
		return ""
	}
	return dirs[len(dirs)-1]
}

// start compares the start of the command line with that of a peer.
func (b *bench) start() error {
	measure := func(name string, args ...string) (time.Duration, error) {
		var all []time.Duration
		for range 21 {
			begin := time.Now()
			if err := exec.Command(name, args...).Run(); err != nil {
				return 0, err
			}
			all = append(all, time.Since(begin))
		}
		return median(all), nil
	}
	own, err := measure(b.pave, "version")
	if err != nil {
		return err
	}
	for _, peer := range [][]string{{"kubectl", "version", "--client"}, {"git", "--version"}} {
		if _, err := exec.LookPath(peer[0]); err != nil {
			continue
		}
		other, err := measure(peer[0], peer[1:]...)
		if err != nil {
			return err
		}
		fmt.Printf("start: pave version                  %8.1f ms  ratio to %s: %.2f\n", float64(own.Microseconds())/1000,
			strings.Join(peer, " "), ratio(own, other))
	}
	return nil
}

// sizes are idle memory (resident set after 5 s of rest) and the binary.
func (b *bench) sizes() error {
	time.Sleep(5 * time.Second)
	data, err := os.ReadFile(filepath.Join(b.dir, "home", "server.json"))
	if err != nil {
		return err
	}
	var state struct{ PID int }
	if err := json.Unmarshal(data, &state); err != nil {
		return err
	}
	server, node := resident(state.PID), 0
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		cmdline, _ := os.ReadFile(p)
		if strings.HasPrefix(string(cmdline), b.pave+"\x00node") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(p)))
			if env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); bytes.Contains(env, []byte(b.dir)) {
				node = resident(pid)
			}
		}
	}
	fmt.Printf("idle memory, server + node           %8d MB  (%d + %d), budget 100\n", server+node, server, node)
	info, err := os.Stat(b.pave)
	if err != nil {
		return err
	}
	fmt.Printf("binary                               %8d MB  budget 60\n", info.Size()>>20)
	return nil
}

// resident is the resident set of a process in MB.
func resident(pid int) int {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return kb >> 10
		}
	}
	return 0
}

func median(d []time.Duration) time.Duration {
	s := slices.Clone(d)
	slices.Sort(s)
	return s[len(s)/2]
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

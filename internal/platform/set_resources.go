package platform

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"github.com/pave-platform/pave"
)

// The least and the most that a process may be limited to.
const (
	minMemoryMB, maxMemoryMB = 128, 1 << 20 // a Go program does not start with much less
	minCPU, maxCPU           = 10, 256_000
)

// resolveSetResources: revision n -> n+1 with other limits of each process.
func (p *Platform) resolveSetResources(ctx context.Context, r pave.SetResources) (transition, error) {
	tr, env, err := p.ofSettings(ctx, r.Service, r.Verb(), r.Environment)
	if err != nil {
		return tr, err
	}
	if r.Memory == "" && r.CPU == "" {
		return tr, pave.BadField("memory", "", "or cpu is needed", "--memory 512Mi, --cpu 500m, or none to take one away")
	}
	var bad problems
	memory, err := memoryMB(r.Memory)
	bad.add(err)
	cpu, err := milliCPU(r.CPU)
	bad.add(err)
	if err := bad.err(); err != nil {
		return tr, err
	}
	change := func(s *pave.Settings) {
		if r.Memory != "" {
			s.MemoryMB = memory
		}
		if r.CPU != "" {
			s.CPU = cpu
		}
	}
	if env == "" {
		for in := range tr.to.In {
			tr = tr.settings(in, func(s *pave.Settings) {
				if r.Memory != "" {
					s.MemoryMB = 0
				}
				if r.CPU != "" {
					s.CPU = 0
				}
			})
		}
	}
	return tr.settings(env, change), nil
}

var (
	memoryPattern = regexp.MustCompile(`^([0-9]{1,7})(Mi|Gi)$`)
	cpuPattern    = regexp.MustCompile(`^([0-9]{1,6})m$|^([0-9]{1,3}(?:\.[0-9]{1,3})?)$`)
)

// memoryMB reads "512Mi" or "2Gi"; "" and "none" are 0.
func memoryMB(text string) (int, error) {
	if text == "" || text == "none" {
		return 0, nil
	}
	m := memoryPattern.FindStringSubmatch(text)
	if m == nil {
		return 0, pave.BadField("memory", text, "is no amount of memory", "for example: 512Mi, 2Gi or none")
	}
	n, err := strconv.Atoi(m[1])
	if m[2] == "Gi" {
		n <<= 10
	}
	if err != nil || n < minMemoryMB || n > maxMemoryMB {
		return 0, pave.BadField("memory", text, fmt.Sprintf("must be %dMi to %dGi", minMemoryMB, maxMemoryMB>>10), "for example: 512Mi")
	}
	return n, nil
}

// milliCPU reads "500m", "0.5" or "2"; "" and "none" are 0.
func milliCPU(text string) (int, error) {
	if text == "" || text == "none" {
		return 0, nil
	}
	m := cpuPattern.FindStringSubmatch(text)
	if m == nil {
		return 0, pave.BadField("cpu", text, "is no amount of cpu", "for example: 500m, 1.5 or none")
	}
	n := 0
	if m[1] != "" {
		n, _ = strconv.Atoi(m[1])
	} else if cores, err := strconv.ParseFloat(m[2], 64); err == nil {
		n = int(cores*1000 + 0.5)
	}
	if n < minCPU || n > maxCPU {
		return 0, pave.BadField("cpu", text, fmt.Sprintf("must be %dm to %d", minCPU, maxCPU/1000), "for example: 500m")
	}
	return n, nil
}

package node

import (
	"math"
	"sync"
	"time"
)

// Histogram of latencies: bucket i counts up to histFirst * histStep^i, so that
// an estimate is at most 20 % off; the last bucket takes all the rest, from
// about two minutes.
const (
	histFirst   = 100 * time.Microsecond
	histStep    = 1.2
	histBuckets = 78
	window      = 60 // seconds
)

type histogram [histBuckets]uint32

func bucketOf(d time.Duration) int {
	if d <= histFirst {
		return 0
	}
	i := int(math.Ceil(math.Log(float64(d)/float64(histFirst)) / math.Log(histStep)))
	return min(i, histBuckets-1)
}

func bucketEnd(i int) float64 { return float64(histFirst) * math.Pow(histStep, float64(i)) }

// metrics counts the requests of a route: in total, and in each of the last 60
// seconds.
type metrics struct {
	mu       sync.Mutex
	since    time.Time
	requests uint64
	errors   uint64
	total    [histBuckets]uint64
	seconds  [window]second
}

type second struct {
	at       int64 // seconds after since; what it holds is of that second
	requests uint64
	errors   uint64
	hist     histogram
}

func newMetrics() *metrics { return &metrics{since: time.Now()} }

// now counts seconds on the monotonic clock, from 1.
func (m *metrics) now() int64 { return int64(time.Since(m.since)/time.Second) + 1 }

func (m *metrics) add(status int, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, now := bucketOf(took), m.now()
	s := &m.seconds[now%window]
	if s.at != now {
		*s = second{at: now}
	}
	m.requests++
	s.requests++
	if status >= 500 || status == 0 {
		m.errors++
		s.errors++
	}
	m.total[b]++
	s.hist[b]++
}

func (m *metrics) read() RouteMetrics {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := RouteMetrics{Since: m.since.UTC(), Requests: m.requests, Errors: m.errors, Latency: quantiles(m.total, m.requests)}
	var minute [histBuckets]uint64
	now := m.now()
	for i := range m.seconds {
		s := &m.seconds[i]
		if s.at == 0 || s.at <= now-window {
			continue
		}
		out.Minute.Requests += s.requests
		out.Minute.Errors += s.errors
		for b, c := range s.hist {
			minute[b] += uint64(c)
		}
	}
	out.Minute.Latency = quantiles(minute, out.Minute.Requests)
	out.PerSecond = float64(out.Minute.Requests) / float64(min(now, window))
	return out
}

func quantiles(hist [histBuckets]uint64, count uint64) Latency {
	return Latency{P50: quantile(hist, count, 0.50), P95: quantile(hist, count, 0.95), P99: quantile(hist, count, 0.99)}
}

// quantile estimates by the rank within the bucket.
func quantile(hist [histBuckets]uint64, count uint64, q float64) time.Duration {
	if count == 0 {
		return 0
	}
	rank, seen := q*float64(count), 0.0
	for i, c := range hist {
		if c == 0 || seen+float64(c) < rank {
			seen += float64(c)
			continue
		}
		start := 0.0
		if i > 0 {
			start = bucketEnd(i - 1)
		}
		return time.Duration(start + (bucketEnd(i)-start)*(rank-seen)/float64(c))
	}
	return time.Duration(bucketEnd(histBuckets - 1))
}

// metrics lists what went through each route.
func (n *Node) metrics() []RouteMetrics {
	out := []RouteMetrics{}
	for _, rt := range n.router.all() {
		m := rt.metrics.read()
		m.Route = rt.ID
		n.mu.Lock()
		if w := n.want.Workloads[rt.Workload]; w != nil {
			m.Service, m.Env = w.Want.Item.Service, w.Want.Item.Env
		}
		n.mu.Unlock()
		out = append(out, m)
	}
	return out
}

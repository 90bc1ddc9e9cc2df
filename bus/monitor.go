package bus

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// StallAfter is how long a stage or reader may receive nothing from the server before it counts as stalled. A stall
// is logged and counted, and [Conn.Ready] fails. The value is a multiple of the time needed to detect a lost request.
const StallAfter = 20 * time.Second

// Monitor detects whether a stage or reader still gets replies from the server. The server must be asked at least
// every few seconds, even if there are no messages: a reply without a message counts as much as a message. A Monitor
// is safe for concurrent use.
type Monitor struct {
	conn  *Conn
	name  string
	last  atomic.Int64 // when the server last answered, in nanoseconds since base
	base  time.Time
	count *monitorCount

	mu      sync.Mutex
	idle    bool // no request is open: every worker is busy
	stalled bool
	closed  bool
	timer   *time.Timer
}

// monitorCount holds the counts of all monitors with the same name.
type monitorCount struct{ lost, stalls atomic.Uint64 }

// monitors holds the monitors of a connection.
type monitors struct {
	mu     sync.Mutex
	active map[*Monitor]bool
	counts map[string]*monitorCount
	// changed is when the connection last switched to another server.
	changed time.Time
}

// Monitor starts a monitor for a stage or reader; [Monitor.Close] stops it. Several monitors may share a name.
func (c *Conn) Monitor(name string) *Monitor {
	c.monitors.mu.Lock()
	defer c.monitors.mu.Unlock()
	if c.monitors.active == nil {
		c.monitors.active, c.monitors.counts = map[*Monitor]bool{}, map[string]*monitorCount{}
	}
	count := c.monitors.counts[name]
	if count == nil {
		count = new(monitorCount)
		c.monitors.counts[name] = count
	}
	m := &Monitor{conn: c, name: name, base: time.Now(), count: count}
	m.mu.Lock() // check reads the timer
	m.timer = time.AfterFunc(StallAfter, m.check)
	m.mu.Unlock()
	c.monitors.active[m] = true
	return m
}

// Heard records a reply from the server.
func (m *Monitor) Heard() { m.last.Store(int64(time.Since(m.base))) }

// Lost counts a request the server did not answer in time.
func (m *Monitor) Lost() { m.count.lost.Add(1) }

// Idle sets whether no request is open, so no reply is due: every worker of the stage is busy.
func (m *Monitor) Idle(idle bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.idle && !idle {
		m.Heard()
	}
	m.idle = idle
}

// Close stops the monitor.
func (m *Monitor) Close() {
	m.conn.monitors.mu.Lock()
	delete(m.conn.monitors.active, m)
	m.conn.monitors.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.timer.Stop()
}

// check runs when a reply may be overdue, and during a stall every second until the server answers again.
func (m *Monitor) check() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	silent := m.silent()
	switch {
	case silent < StallAfter && m.stalled:
		m.stalled = false
		m.conn.log.Info("the server answers again", "stage", m.name)
	case silent >= StallAfter && !m.stalled:
		m.stalled = true
		m.count.stalls.Add(1)
		m.conn.log.Error("stalled: the server does not answer", "stage", m.name, "for", silent.Round(time.Second))
		go m.conn.changeServer()
	}
	m.timer.Reset(max(StallAfter-silent, time.Second))
}

// changeServer reconnects to another server if there is one: the current server may be partitioned from the cluster
// and still answer pings. It does so at most once per [StallAfter], however many monitors stall.
func (c *Conn) changeServer() {
	c.monitors.mu.Lock()
	due := time.Since(c.monitors.changed) >= StallAfter
	if due {
		c.monitors.changed = time.Now()
	}
	c.monitors.mu.Unlock()
	if due && c.nc != nil && c.nc.IsConnected() && len(c.nc.Servers()) > 1 {
		c.log.Warn("trying another NATS server", "instead_of", c.nc.ConnectedServerName())
		if err := c.nc.ForceReconnect(); err != nil {
			c.log.Warn("cannot try another NATS server", "err", err)
		}
	}
}

// silent returns how long a reply has been due. The caller holds the lock.
func (m *Monitor) silent() time.Duration {
	if m.idle {
		return 0
	}
	return time.Since(m.base) - time.Duration(m.last.Load())
}

// Stalled returns an error naming the stages and readers without a reply for [StallAfter], or nil if there are none.
func (c *Conn) Stalled() error {
	c.monitors.mu.Lock()
	defer c.monitors.mu.Unlock()
	silent := map[string]time.Duration{}
	for m := range c.monitors.active {
		m.mu.Lock()
		if d := m.silent(); d >= StallAfter {
			silent[m.name] = max(silent[m.name], d)
		}
		m.mu.Unlock()
	}
	var all []error
	for name, d := range silent {
		all = append(all, fmt.Errorf("%s is stalled: NATS has not answered it for %v", name, d.Round(time.Second)))
	}
	slices.SortFunc(all, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return errors.Join(all...)
}

// MonitorStats holds the counts of all monitors with the same name.
type MonitorStats struct {
	Name    string
	Lost    uint64 // requests without a timely reply
	Stalls  uint64 // number of stalls so far
	Stalled int    // monitors stalled now
}

// Monitors returns the counts of the connection's monitors, sorted by name.
func (c *Conn) Monitors() []MonitorStats {
	c.monitors.mu.Lock()
	defer c.monitors.mu.Unlock()
	var all []MonitorStats
	for name, count := range c.monitors.counts {
		s := MonitorStats{Name: name, Lost: count.lost.Load(), Stalls: count.stalls.Load()}
		for m := range c.monitors.active {
			m.mu.Lock()
			if m.name == name && m.stalled {
				s.Stalled++
			}
			m.mu.Unlock()
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b MonitorStats) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

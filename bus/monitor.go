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

// StallAfter is how long a stage or a watch may hear nothing from the server until it counts as stalled: it is
// logged and counted, and [Conn.Ready] fails. It is a multiple of what a lost request takes to be noticed.
const StallAfter = 20 * time.Second

// Monitor tells whether a stage or a watch still hears from the server. The server has to be asked at least
// every few seconds, also while there is nothing to hand out: an answer that there is nothing counts as much as
// a message. It is safe for concurrent use.
type Monitor struct {
	conn  *Conn
	name  string
	last  atomic.Int64 // when the server was heard last, in nanoseconds since base
	base  time.Time
	count *monitorCount

	mu      sync.Mutex
	idle    bool // nothing is asked for: everyone is busy
	stalled bool
	closed  bool
	timer   *time.Timer
}

// monitorCount is what all monitors of a name have counted.
type monitorCount struct{ lost, stalls atomic.Uint64 }

// monitors are those of a connection.
type monitors struct {
	mu     sync.Mutex
	active map[*Monitor]bool
	counts map[string]*monitorCount
	// changed is when another server was tried last.
	changed time.Time
}

// Monitor begins to watch over a stage or a watch; Close ends it. Several may share a name.
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

// Heard notes that the server answered.
func (m *Monitor) Heard() { m.last.Store(int64(time.Since(m.base))) }

// Lost counts a request that the server did not answer in time.
func (m *Monitor) Lost() { m.count.lost.Add(1) }

// Idle says whether nothing is asked for at present, so that no answer can be expected: every worker of a stage
// is busy.
func (m *Monitor) Idle(idle bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.idle && !idle {
		m.Heard()
	}
	m.idle = idle
}

// Close ends the monitor.
func (m *Monitor) Close() {
	m.conn.monitors.mu.Lock()
	delete(m.conn.monitors.active, m)
	m.conn.monitors.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.timer.Stop()
}

// check runs when an answer may be overdue, and after a stall each second until the server is heard again.
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
		m.conn.log.Info("the server is heard again", "stage", m.name)
	case silent >= StallAfter && !m.stalled:
		m.stalled = true
		m.count.stalls.Add(1)
		m.conn.log.Error("stalled: the server does not answer", "stage", m.name, "for", silent.Round(time.Second))
		go m.conn.changeServer()
	}
	m.timer.Reset(max(StallAfter-silent, time.Second))
}

// changeServer connects to another server, where one is known: the present one may be cut off from the others and
// answer pings all the same. It does so once in a while, however many stall.
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

// silent is how long an answer has been due. The lock is held.
func (m *Monitor) silent() time.Duration {
	if m.idle {
		return 0
	}
	return time.Since(m.base) - time.Duration(m.last.Load())
}

// Stalled returns an error that names the stages and watches that have not heard from the server for
// [StallAfter]; nil if there are none.
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

// MonitorStats are the counts of all monitors of a name.
type MonitorStats struct {
	Name    string
	Lost    uint64 // requests that were not answered in time
	Stalls  uint64 // how often one began to stall
	Stalled int    // how many are stalled now
}

// Monitors returns the counts of the connection's monitors, by name.
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

package device

import (
	"context"
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// inventory is the devices of every account.
type inventory struct {
	tail tail
	log  *slog.Logger

	mu       sync.RWMutex
	accounts map[proto.Account]*index
}

func newInventory(conn *bus.Conn, log *slog.Logger) *inventory {
	v := &inventory{log: log, accounts: map[proto.Account]*index{}}
	v.tail = tail{
		conn: conn, log: log, stream: topology.BucketStream(topology.Devices),
		filter: topology.BucketSubject(topology.Devices, topology.AllPageKeys), apply: v.apply, caughtUp: make(chan struct{}),
	}
	return v
}

// apply takes a page. A page that cannot be read has no devices: who is in it is not known.
func (v *inventory) apply(m jetstream.Msg, seq uint64) uint64 {
	key, err := topology.KeyOf(topology.Devices, m.Subject())
	if err != nil {
		v.log.Error("the inventory holds what is not ours", "subject", m.Subject(), "err", err)
		return seq
	}
	account, number, err := topology.ParsePageKey(key)
	if err != nil || number > maxPage {
		v.log.Error("the inventory holds a page of another name", "key", key, "err", err)
		return seq
	}
	var now *page
	if raw := (&bus.Msg{Subject: m.Subject(), Header: m.Headers(), Data: m.Data()}); !raw.Deleted() {
		var p proto.Page
		if err := raw.Decode(&p); err != nil {
			v.log.Error("the inventory holds a page that cannot be read, its devices are not known", "key", key, "revision", seq, "err", err)
			p = proto.Page{}
		}
		now = pageOf(p.Devices)
	}
	v.put(account, number, now)
	return seq
}

func (v *inventory) put(a proto.Account, n topology.PageNumber, now *page) {
	v.mu.Lock()
	defer v.mu.Unlock()
	x := v.accounts[a]
	if x == nil {
		x = &index{}
		v.accounts[a] = x
	}
	x.put(n, now)
}

// find is where a device is enrolled.
func (v *inventory) find(a proto.Account, id proto.ID) (ref, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	x := v.accounts[a]
	if x == nil {
		return 0, false
	}
	return x.find(id)
}

// holder is the device that has an address.
func (v *inventory) holder(a proto.Account, ip address) (proto.ID, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	x := v.accounts[a]
	if x == nil {
		return proto.ID{}, false
	}
	return x.holder(ip)
}

// ids are those of a page, in the order of its slots; they must not be modified.
func (v *inventory) ids(a proto.Account, n topology.PageNumber) []proto.ID {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if x := v.accounts[a]; x != nil && x.pages[n] != nil {
		return x.pages[n].ids
	}
	return nil
}

// await waits until the view holds what the stream held when it began.
func (v *inventory) await(ctx context.Context) error { return v.tail.await(ctx) }

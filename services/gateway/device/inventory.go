package device

import (
	"context"
	"fmt"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// inventory holds the devices of every account.
type inventory struct {
	tail *tail
	conn *bus.Conn

	mu       sync.RWMutex
	accounts map[proto.Account]*index
}

func newInventory(conn *bus.Conn) *inventory {
	v := &inventory{conn: conn, accounts: map[proto.Account]*index{}}
	v.tail = newTail(conn, topology.BucketStream(topology.Devices), "",
		topology.BucketSubject(topology.Devices, topology.AllPageKeys), v.apply)
	return v
}

// apply processes a page. An unreadable page has no devices, because its contents are unknown.
func (v *inventory) apply(m *bus.Msg) uint64 {
	key, err := topology.KeyOf(topology.Devices, m.Subject)
	if err != nil {
		v.conn.Unreadable(topology.BucketStream(topology.Devices), m.Subject, m.Seq, err)
		return m.Seq
	}
	account, number, err := topology.ParsePageKey(key)
	if err == nil && number > maxPage {
		err = fmt.Errorf("the page number must be below %d", maxPage+1)
	}
	if err != nil {
		v.conn.Unreadable(topology.BucketStream(topology.Devices), key, m.Seq, err)
		return m.Seq
	}
	var now *page
	if !m.Deleted() {
		var p proto.Page
		if err := m.Decode(&p); err != nil {
			v.conn.Unreadable(topology.BucketStream(topology.Devices), key, m.Seq, err)
			p = proto.Page{}
		}
		now = pageOf(p.Devices)
	}
	v.put(account, number, now)
	return m.Seq
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

// find returns the place of a device.
func (v *inventory) find(a proto.Account, id proto.ID) (ref, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	x := v.accounts[a]
	if x == nil {
		return 0, false
	}
	return x.find(id)
}

// holder returns the device with an address.
func (v *inventory) holder(a proto.Account, ip address) (proto.ID, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	x := v.accounts[a]
	if x == nil {
		return proto.ID{}, false
	}
	return x.holder(ip)
}

// ids returns the ids of a page in the order of its slots. They must not be modified.
func (v *inventory) ids(a proto.Account, n topology.PageNumber) []proto.ID {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if x := v.accounts[a]; x != nil && x.pages[n] != nil {
		return x.pages[n].ids
	}
	return nil
}

// await waits until the view contains everything that the stream contained when it began.
func (v *inventory) await(ctx context.Context) error { return v.tail.await(ctx) }

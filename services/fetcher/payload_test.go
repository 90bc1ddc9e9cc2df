package fetcher

import (
	"io"
	"sync"
	"testing"
)

func TestAPayloadIsKeptWhileItIsRead(t *testing.T) {
	p := newPayload()
	p.data = append(p.data, "0123456789"...)
	r := p.reader()
	half := make([]byte, 5)
	if _, err := io.ReadFull(r, half); err != nil || string(half) != "01234" {
		t.Fatalf("%q, %v", half, err)
	}
	p.release()
	if n := p.uses.Load(); n != 1 {
		t.Errorf("%d uses while one reader is open", n)
	}
	if rest, err := io.ReadAll(r); err != nil || string(rest) != "56789" {
		t.Errorf("%q, %v", rest, err)
	}
	r.Close()
	r.Close()
	if n := p.uses.Load(); n != 0 {
		t.Errorf("%d uses in the end", n)
	}
	if _, err := r.Read(half); err != errBodyClosed {
		t.Errorf("read after close: %v", err)
	}
}

func TestReadersOfOnePayloadAreIndependent(t *testing.T) {
	p := newPayload()
	p.data = append(p.data, make([]byte, 100_000)...)
	var readers sync.WaitGroup
	for range 8 {
		r := p.reader()
		readers.Go(func() {
			if b, err := io.ReadAll(r); err != nil || len(b) != 100_000 {
				t.Errorf("%d bytes, %v", len(b), err)
			}
			r.Close()
		})
	}
	p.release()
	readers.Wait()
	if n := p.uses.Load(); n != 0 {
		t.Errorf("%d uses in the end", n)
	}
}

package entrysign

import "errors"

// The errors of [Chain.Add], besides those of [Verify]. The entry itself is genuine, except with ErrStripped.
var (
	ErrStripped = errors.New("the entry has no signature, unlike an earlier one of its page")
	ErrGap      = errors.New("the entry before this one is missing")
	ErrReplayed = errors.New("the entry is a copy of an earlier one")
	ErrOrder    = errors.New("the entry is not in its place: it follows an older one")
	ErrOnForged = errors.New("the entry follows one that is not genuine")
)

// Message is an entry as read from the log.
type Message struct {
	Subject string
	Headers map[string][]string
	Payload []byte
}

// remembered is the number of entries of a page that a [Chain] can name as the origin of a copy.
const remembered = 64

// Chain verifies the entries of any number of pages, each in the order of the log. The first entry of a page is
// verified by itself, because its predecessor is not known. A Chain needs about 6 KB for each page. It must not be used
// concurrently.
type Chain struct {
	Keys  Keys // may be extended between calls
	pages map[string]*links
}

// links is what a chain knows of a page.
type links struct {
	head   string // digest of the newest genuine or unsigned entry
	last   string // digest of the newest message
	tick   uint64
	signed bool
	seen   []seenEntry // the newest ones
}

type seenEntry struct {
	digest  string
	genuine bool
}

// Add verifies the next entry of a page. The error is [ErrUnsigned] if neither this entry nor an earlier one of the
// page is signed, which is so for entries of versions without signatures.
func (c *Chain) Add(m Message) error {
	if c.pages == nil {
		c.pages = map[string]*links{}
	}
	p := c.pages[m.Subject]
	fresh := p == nil
	if fresh {
		p = &links{}
		c.pages[m.Subject] = p
	}
	digest := Digest(m.Payload)
	h, err := Verify(c.Keys, m.Subject, m.Headers, m.Payload)
	if errors.Is(err, ErrUnsigned) && p.signed {
		err = ErrStripped
	}
	switch {
	case errors.Is(err, ErrUnsigned):
		p.head = digest
	case err == nil:
		if !fresh {
			err = p.fits(digest, h)
		}
		p.signed = true
		if err == nil || errors.Is(err, ErrGap) || errors.Is(err, ErrOnForged) {
			p.head, p.tick = digest, h.Tick
		}
	}
	p.last = digest
	p.seen = append(p.seen, seenEntry{digest, err == nil || errors.Is(err, ErrUnsigned) || errors.Is(err, ErrGap)})
	if len(p.seen) > remembered {
		p.seen = append(p.seen[:0], p.seen[len(p.seen)-remembered:]...)
	}
	return err
}

// fits reports how a genuine entry fits the page's earlier ones.
func (p *links) fits(digest string, h Header) error {
	if p.head != "" && h.Prev == p.head {
		if h.Tick < p.tick {
			return ErrOrder
		}
		return nil
	}
	for _, s := range p.seen {
		if s.digest == digest && s.genuine {
			return ErrReplayed
		}
	}
	for _, s := range p.seen {
		switch {
		case s.digest == h.Prev && s.genuine:
			return ErrOrder
		case s.digest == h.Prev:
			return ErrOnForged
		}
	}
	return ErrGap
}

// Signed reports whether an entry of a page was signed.
func (c *Chain) Signed(subject string) bool {
	return c.pages[subject] != nil && c.pages[subject].signed
}

// Newest reports whether the chain contains entries of a page, and whether the newest one has the payload.
func (c *Chain) Newest(subject string, payload []byte) (known, same bool) {
	p := c.pages[subject]
	if p == nil {
		return false, false
	}
	return true, p.last == Digest(payload)
}

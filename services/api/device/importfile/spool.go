package importfile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"slices"
	"strings"

	"plumbline.dev/proto"
)

// Spool holds rows without an id until the end of the list, when the unique serial numbers are known. It stores them
// on disk, in files inaccessible to other users; memory holds at most limit serial numbers at a time, 8 bytes each.
//
// Serial numbers are compared by a seeded 64-bit hash. Two different ones with the same hash would both be rejected:
// one chance in 10^6 for a list of 6,000,000 rows.
type Spool struct {
	dir    string
	limit  int
	seed   maphash.Seed
	hashes *spoolFile // of every serial number of the list
	rows   *spoolFile
	seen   int
	held   int
}

// DefaultLimit is 32 MB of serial numbers.
const DefaultLimit = 4 << 20

// NewSpool returns a spool with its files, created on demand, in dir; "" is the system's. limit 0 means
// [DefaultLimit].
func NewSpool(dir string, limit int) *Spool {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Spool{dir: dir, limit: limit, seed: maphash.MakeSeed()}
}

// Saw records the serial number of a row with an id. It makes an equal one ambiguous as well.
func (s *Spool) Saw(serial string) (err error) {
	if Placeholder(serial) {
		return nil
	}
	return s.note(s.hash(serial))
}

// hash ignores letter case, which varies among firmware and tools.
func (s *Spool) hash(serial string) uint64 { return maphash.String(s.seed, strings.ToUpper(serial)) }

func (s *Spool) note(hash uint64) (err error) {
	if s.hashes == nil {
		if s.hashes, err = newSpoolFile(s.dir); err != nil {
			return err
		}
	}
	s.seen++
	return s.hashes.write(binary.LittleEndian.AppendUint64(nil, hash))
}

// Hold stores a row without an id. It rejects a placeholder serial number at once.
func (s *Spool) Hold(row Row) (refused *proto.Error, err error) {
	switch {
	case row.Device.Serial == "":
		return refusal(CodeNoSerial, "the row has neither a device_id nor a serial_number to derive one from"), nil
	case Placeholder(row.Device.Serial):
		return refusal(CodeSerial, "the row has no device_id, and its serial_number %q is one that many devices have",
			shown(row.Device.Serial)), nil
	}
	if s.rows == nil {
		if s.rows, err = newSpoolFile(s.dir); err != nil {
			return nil, err
		}
	}
	hash := s.hash(row.Device.Serial)
	if err := s.note(hash); err != nil {
		return nil, err
	}
	s.held++
	b := binary.LittleEndian.AppendUint64(nil, hash)
	b = binary.AppendUvarint(b, uint64(row.Line))
	d := &row.Device
	for _, field := range []string{d.Email, d.Serial, d.MAC, d.IPv4, d.Hostname} {
		b = binary.AppendUvarint(b, uint64(len(field)))
		b = append(b, field...)
	}
	return nil, s.rows.write(b)
}

// Drain yields every held row once: with the id derived from its serial number, or rejected if the serial number is
// not unique. known reports whether a device is enrolled. An error of yield ends it.
func (s *Spool) Drain(a proto.Account, known func(proto.ID) bool, yield func(Row) error) error {
	if s.held == 0 {
		return nil
	}
	// Each pass handles the hashes with one remainder.
	passes := uint64((s.seen + s.limit - 1) / s.limit)
	for pass := range passes {
		serials, err := s.serials(passes, pass)
		if err != nil {
			return err
		}
		err = s.eachRow(func(hash uint64, row Row) error {
			if hash%passes != pass {
				return nil
			}
			at, _ := slices.BinarySearch(serials, hash)
			if at+1 < len(serials) && serials[at+1] == hash {
				row.Error = refusal(CodeAmbiguous, "the row has no device_id, and its serial_number %q is there more than once",
					shown(row.Device.Serial))
				row.Device = proto.Device{}
			} else {
				row.Device.ID = deriveID(a, row.Device.Serial, known)
			}
			return yield(row)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deriveID returns the id derived from a serial number in upper case. Earlier versions used its original case; a
// device enrolled under that id keeps it.
func deriveID(a proto.Account, serial string, known func(proto.ID) bool) proto.ID {
	upper := strings.ToUpper(serial)
	if upper != serial {
		if id := proto.DeriveID(a, serial); known(id) {
			return id
		}
	}
	return proto.DeriveID(a, upper)
}

// serials returns the hashes of one pass, sorted.
func (s *Spool) serials(passes, pass uint64) ([]uint64, error) {
	r, err := s.hashes.rewind()
	if err != nil {
		return nil, err
	}
	serials := make([]uint64, 0, s.seen/int(passes)+s.seen/16+16)
	var b [8]byte
	for range s.seen {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return nil, fmt.Errorf("read back an import: %w", err)
		}
		if h := binary.LittleEndian.Uint64(b[:]); h%passes == pass {
			serials = append(serials, h)
		}
	}
	slices.Sort(serials)
	return serials, nil
}

func (s *Spool) eachRow(yield func(hash uint64, row Row) error) error {
	r, err := s.rows.rewind()
	if err != nil {
		return err
	}
	for range s.held {
		hash, row, err := readRow(r)
		if err != nil {
			return fmt.Errorf("read back an import: %w", err)
		}
		if err := yield(hash, row); err != nil {
			return err
		}
	}
	return nil
}

func readRow(r *bufio.Reader) (hash uint64, row Row, err error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, row, err
	}
	line, err := binary.ReadUvarint(r)
	if err != nil {
		return 0, row, err
	}
	row.Line = int(line)
	d := &row.Device
	for _, field := range []*string{&d.Email, &d.Serial, &d.MAC, &d.IPv4, &d.Hostname} {
		n, err := binary.ReadUvarint(r)
		if err != nil || n > proto.MaxDeviceField {
			return 0, row, errors.Join(errors.New("a field is damaged"), err)
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(r, text); err != nil {
			return 0, row, err
		}
		*field = string(text)
	}
	return binary.LittleEndian.Uint64(b[:]), row, nil
}

// Close frees the disk space.
func (s *Spool) Close() error { return errors.Join(s.hashes.close(), s.rows.close()) }

// spoolFile is a temporary file, written once and then read any number of times.
type spoolFile struct {
	f *os.File
	w *bufio.Writer
}

func newSpoolFile(dir string) (*spoolFile, error) {
	f, err := os.CreateTemp(dir, "plumbline-import-*") // created with mode 0600
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	// A removed file disappears with the process in any case. If it cannot be removed now, close does it.
	_ = os.Remove(f.Name())
	return &spoolFile{f: f, w: bufio.NewWriterSize(f, 64<<10)}, nil
}

func (s *spoolFile) write(b []byte) error {
	if _, err := s.w.Write(b); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	return nil
}

func (s *spoolFile) rewind() (*bufio.Reader, error) {
	if err := s.w.Flush(); err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	return bufio.NewReaderSize(s.f, 64<<10), nil
}

func (s *spoolFile) close() error {
	if s == nil {
		return nil
	}
	err := s.f.Close()
	_ = os.Remove(s.f.Name())
	return err
}

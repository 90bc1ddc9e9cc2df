package importfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// MaxLine bounds a line in bytes. A device's own fields come to 640.
const MaxLine = 16 << 10

// lines reads lines of bounded length.
type lines struct {
	r    *bufio.Reader
	line int // number of the last line, from 1
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, MaxLine+2)} }

func (l *lines) number() int { return l.line }

// next returns the next line without its end. If the line is too long, it skips the line and sets tooLong. The line
// is valid until the next call.
func (l *lines) next() (line []byte, tooLong bool, err error) {
	line, err = l.r.ReadSlice('\n')
	if len(line) == 0 && err != nil {
		return nil, false, err
	}
	l.line++
	for errors.Is(err, bufio.ErrBufferFull) {
		tooLong = true
		_, err = l.r.ReadSlice('\n')
	}
	if err != nil && err != io.EOF {
		return nil, false, err
	}
	if tooLong {
		return nil, true, nil
	}
	line = bytes.TrimSuffix(line, []byte{'\n'})
	line = bytes.TrimSuffix(line, []byte{'\r'})
	return line, len(line) > MaxLine, nil
}

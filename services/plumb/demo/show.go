package demo

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"plumbline.dev/services/plumb/client"
)

// Show prints polls: a line for each, and on a terminal a progress bar while one runs. It is safe for
// concurrent use.
type Show struct {
	Out      io.Writer
	Terminal bool
	mu       sync.Mutex
	bar      *progressbar.ProgressBar
	tick     uint64
	trouble  string // that was told last
}

// Seen is what [Watch] calls.
func (s *Show) Seen(p client.Poll, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = ""
	if s.tick != p.Tick {
		s.clear()
		s.tick = p.Tick
	}
	if last {
		s.clear()
		fmt.Fprintln(s.Out, Line(p))
		return
	}
	if !s.Terminal || p.Pages == 0 {
		return
	}
	if s.bar == nil {
		s.bar = progressbar.NewOptions(p.Pages,
			progressbar.OptionSetWriter(s.Out), progressbar.OptionSetDescription(fmt.Sprintf("poll %d", p.Tick)),
			progressbar.OptionSetWidth(30), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
	}
	_ = s.bar.Set(max(p.DonePages, 0))
}

// Failed tells, once, that the status cannot be had.
func (s *Show) Failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err.Error() == s.trouble {
		return
	}
	s.trouble = err.Error()
	s.clear()
	fmt.Fprintf(s.Out, "the status cannot be had, asking on: %v\n", err)
}

// Print shows a text between polls.
func (s *Show) Print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	_, _ = io.WriteString(s.Out, text)
}

// Clear takes the progress bar away.
func (s *Show) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
}

func (s *Show) clear() {
	if s.bar != nil {
		_ = s.bar.Clear()
		s.bar = nil
	}
}

// Line says in one line what came of a poll.
func Line(p client.Poll) string {
	var b strings.Builder
	if p.At != nil {
		b.WriteString(p.At.Local().Format(time.TimeOnly) + "  ")
	}
	fmt.Fprintf(&b, "poll %d: ", p.Tick)
	if p.Pages > 0 && !p.Done() {
		fmt.Fprintf(&b, "%d of ", max(p.DonePages, 0))
	}
	fmt.Fprintf(&b, "%s, %s devices: %s pass, %s fail, %s unknown, %s changed, in %v", pages(p.Pages), count(p.Devices),
		count(p.Pass), count(p.Fail), count(p.Unknown), count(p.Changed), time.Duration(p.TookMS)*time.Millisecond)
	if p.Error != "" {
		fmt.Fprintf(&b, " (%s)", p.Failure())
	}
	return b.String()
}

func pages(n int) string {
	if n == 1 {
		return "1 page"
	}
	return count(n) + " pages"
}

// count writes a number with commas between thousands.
func count(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

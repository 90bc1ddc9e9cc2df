package machine

import "time"

// Took is how long f took, less the time for which the machine had the process wait, so that a promise as
// "within a second" can be tested beside whatever else runs: a goroutine that sleeps for a few milliseconds at
// a time tells by how much it woke too late.
func Took(f func()) time.Duration {
	const beat = 5 * time.Millisecond
	done, withheld := make(chan time.Time), make(chan time.Duration)
	begin := time.Now()
	go func() {
		late, at := time.Duration(0), begin
		for {
			now, last := time.Time{}, false
			select {
			case now = <-done:
				last = true
			case <-time.After(beat):
				now = time.Now()
			}
			late += max(0, now.Sub(at)-beat)
			if at = now; last {
				withheld <- late
				return
			}
		}
	}()
	var took time.Duration
	func() {
		defer func() { // f may end the test
			end := time.Now()
			done <- end
			took = end.Sub(begin) - <-withheld
		}()
		f()
	}()
	return took
}

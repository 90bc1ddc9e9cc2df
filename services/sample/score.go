package sample

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"time"
)

// A device's score is its own level, from 10 to 100 and mostly high, plus a drift of up to 15 points that changes
// direction every minute. A score moves by less than a point in five seconds on average, so about one device in a
// hundred crosses a threshold.
const (
	levelLow, levelHigh = 10.0, 100.0
	driftWidth          = 15.0
	driftCourse         = time.Minute
)

// Score returns the score of a device at a time, 0 to 100. It depends on the device and the second only.
func Score(deviceID string, at time.Time) int {
	u := fraction(deviceID, 0)
	level := levelHigh - (levelHigh-levelLow)*u*u
	course, second := divide(at.Unix(), int64(driftCourse/time.Second))
	from, to := drift(deviceID, course), drift(deviceID, course+1)
	share := float64(second) / driftCourse.Seconds()
	return int(math.Round(min(100, max(0, level+from+(to-from)*share))))
}

func drift(deviceID string, course int64) float64 {
	return driftWidth * (2*fraction(deviceID, uint64(course)+1) - 1)
}

// known reports whether the API knows a device.
func known(deviceID string, missing float64) bool {
	return fraction(deviceID, math.MaxUint64) >= missing
}

// fraction returns a pseudo-random number in [0, 1) that depends on its arguments only.
func fraction(deviceID string, salt uint64) float64 {
	h := fnv.New64a()
	h.Write(binary.BigEndian.AppendUint64(nil, salt))
	h.Write([]byte(deviceID))
	x := h.Sum64()
	// The last bytes change FNV's high bits little: mix them (splitmix64).
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return float64(x>>11) / (1 << 53)
}

func divide(n, by int64) (quotient, rest int64) {
	quotient, rest = n/by, n%by
	if rest < 0 {
		quotient, rest = quotient-1, rest+by
	}
	return quotient, rest
}

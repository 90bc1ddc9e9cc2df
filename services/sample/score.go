package sample

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"time"
)

// A device's score is a level of its own, from 10 to 100 and mostly high, and a drift around it of up to 15
// points that changes course every minute. Over five seconds a score moves by less than a point on
// average, so of the devices a hundredth or so crosses a given threshold.
const (
	levelLow, levelHigh = 10.0, 100.0
	driftWidth          = 15.0
	driftCourse         = time.Minute
)

// Score is what the API says of a device at a time, 0 to 100. The same device and second always have the
// same score.
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

// known tells whether the API knows a device at all.
func known(deviceID string, missing float64) bool {
	return fraction(deviceID, math.MaxUint64) >= missing
}

// fraction is a number from 0 to 1, excluding 1, that looks random and depends on nothing else.
func fraction(deviceID string, salt uint64) float64 {
	h := fnv.New64a()
	h.Write(binary.BigEndian.AppendUint64(nil, salt))
	h.Write([]byte(deviceID))
	x := h.Sum64()
	// FNV's high bits change little with the last bytes: mix them (splitmix64).
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

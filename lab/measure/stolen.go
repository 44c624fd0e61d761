package measure

import (
	"os"
	"strconv"
	"strings"
)

// MostStolen is the share of the processors' time that may go to other machines while
// a browser that is filmed plays in time. Of two processors 8 to 20 % made it play 60 to
// 480 ms late, and stretch what is said.
const MostStolen = 0.03

// Stolen watches how much of its processors' time the host of this machine gives to
// other machines: since returns the share from the call of Stolen on, 0 to 1; 0 where
// the kernel does not tell (proc(5), /proc/stat).
func Stolen() (since func() float64) {
	stolen, all := processors()
	return func() float64 {
		s, a := processors()
		if a == all {
			return 0
		}
		return (s - stolen) / (a - all)
	}
}

// processors are the time that the processors have run, in ticks of the kernel, and
// the part of it that others had.
func processors() (stolen, all float64) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(data), "\n")
	for i, f := range strings.Fields(line) {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil || i > 8 { // its name, and what is counted twice
			continue
		}
		if all += n; i == 8 {
			stolen = n
		}
	}
	return stolen, all
}

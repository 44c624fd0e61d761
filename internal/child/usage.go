package child

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is USER_HZ, which Linux fixes at 100 towards programs.
const ticksPerSecond = 100

// Usage is what a process tree takes.
type Usage struct {
	Processes int
	PSS       int64         // bytes, shared pages divided among their users
	CPU       time.Duration // of all living and reaped processes, since their start
}

// TreeUsage adds up a process and its descendants as they stand. Processes
// whose memory may not be read count without it.
func TreeUsage(root int) (Usage, error) {
	stats := all()
	if _, ok := stats[root]; !ok {
		return Usage{}, fmt.Errorf("process %d does not exist", root)
	}
	children := map[int][]int{}
	for pid, st := range stats {
		children[st.parent] = append(children[st.parent], pid)
	}
	var u Usage
	var ticks int64
	for todo := []int{root}; len(todo) > 0; {
		pid := todo[0]
		todo = append(todo[1:], children[pid]...)
		u.Processes++
		u.PSS += pss(pid)
		ticks += stats[pid].ticks
	}
	u.CPU = time.Duration(ticks) * (time.Second / ticksPerSecond)
	return u, nil
}

func pss(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			kb, _ := strconv.ParseInt(f[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

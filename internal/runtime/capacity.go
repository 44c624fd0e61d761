package runtime

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"

	"steno/internal/bot"
	"steno/internal/fail"
)

// CodeFull is the code of the error for a bot that does not fit now.
const CodeFull = "HOST_FULL"

// ErrFull is what Launch returns, possibly wrapped, when the machine carries
// no further bot: the caller should try again later or elsewhere.
var ErrFull = fail.New(fail.Unavailable, CodeFull, "this host runs as many bots as it can carry")

// What a bot takes, measured live (make bench): processor seconds per
// minute of meeting, and bytes of proportional set size.
const (
	cpuVideo  = 10
	cpuAudio  = 6 // at most 5 measured
	cpuScreen = 40
	cpuStream = 2 // more; 1.1 measured
	memoryBot = 350 << 20

	// What bots may take of the machine; the rest is for the server, the
	// composers (niced) and the system.
	cpuShare    = 0.75
	memoryShare = 0.8
)

// load is what bots take, or may take, of a machine.
type load struct {
	bots   int
	cpu    float64 // processor seconds per minute
	memory int64   // bytes
}

func cost(spec bot.Spec) load {
	cpu := cpuVideo
	switch {
	case spec.Engine == bot.ScreenEngine:
		cpu = cpuScreen
	case spec.Mode == bot.AudioOnly:
		cpu = cpuAudio
	}
	if spec.Streaming != nil {
		cpu += cpuStream
	}
	return load{bots: 1, cpu: float64(cpu), memory: memoryBot}
}

func (l load) plus(m load) load {
	return load{l.bots + m.bots, l.cpu + m.cpu, l.memory + m.memory}
}

// capacity is what a machine carries. With a number of bots given by the
// operator, that is all that counts.
func capacity(maxBots, cores int, memory int64) load {
	if maxBots > 0 {
		return load{bots: maxBots, cpu: -1, memory: -1}
	}
	return load{bots: -1, cpu: 60 * float64(cores) * cpuShare, memory: int64(float64(memory) * memoryShare)}
}

// carries reports whether the capacity l carries the load m. One bot always
// fits, however small the machine.
func (l load) carries(m load) bool {
	if m.bots <= 1 {
		return true
	}
	return (l.bots < 0 || m.bots <= l.bots) && (l.cpu < 0 || m.cpu <= l.cpu) && (l.memory < 0 || m.memory <= l.memory)
}

// machine returns the cores and the memory that this process may use. Cores
// are limited by the cgroup already (GOMAXPROCS).
func machine() (cores int, memory int64) {
	memory = meminfo()
	if limit, ok := number("/sys/fs/cgroup/memory.max"); ok {
		memory = min(memory, limit)
	}
	return runtime.GOMAXPROCS(0), memory
}

func meminfo() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 2 << 30
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) >= 2 && f[0] == "MemTotal:" {
			if kb, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				return kb << 10
			}
		}
	}
	return 2 << 30
}

func number(path string) (int64, bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil
}

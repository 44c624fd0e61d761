package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cost is what a part of a bot's process tree takes.
type cost struct {
	cpu time.Duration // spent so far, with that of reaped children
	pss int64         // bytes
}

// parts splits a bot's process tree: the browser, the composer with its
// encoders, and the bot itself.
type parts map[string]cost

func (p parts) add(name string, c cost) {
	old := p[name]
	p[name] = cost{old.cpu + c.cpu, old.pss + c.pss}
}

// total adds up the named parts, all if none is named.
func (p parts) total(names ...string) cost {
	var sum cost
	for name, c := range p {
		if len(names) == 0 || slices.Contains(names, name) {
			sum.cpu += c.cpu
			sum.pss += c.pss
		}
	}
	return sum
}

type proc struct {
	pid, parent int
	cpu         time.Duration
	name        string
}

// look measures the trees of some bots, by their process ids.
func look(roots []int) parts {
	all := processes()
	children := map[int][]proc{}
	for _, p := range all {
		children[p.parent] = append(children[p.parent], p)
	}
	sum := parts{}
	var walk func(p proc, part string)
	walk = func(p proc, part string) {
		if kind := kindOf(p.pid, p.name); kind != "" && part != "compose" {
			part = kind
		}
		sum.add(part, cost{p.cpu, pss(p.pid)})
		for _, c := range children[p.pid] {
			walk(c, part)
		}
	}
	for _, root := range roots {
		if p, ok := all[root]; ok {
			walk(p, "bot")
		}
	}
	return sum
}

func kindOf(pid int, name string) string {
	if strings.HasPrefix(name, "chrom") || strings.HasPrefix(name, "headless") {
		return "browser"
	}
	cmd, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	if args := strings.Split(string(cmd), "\x00"); len(args) > 1 && args[1] == "compose" {
		return "compose"
	}
	return ""
}

func processes() map[int]proc {
	all := map[int]proc{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		if p, ok := parseStat(pid, string(stat)); ok {
			all[pid] = p
		}
	}
	return all
}

// parseStat reads the name, the parent and the four processor times of
// /proc/PID/stat (see proc(5)); Linux counts them in hundredths of a second.
func parseStat(pid int, stat string) (proc, bool) {
	open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return proc{}, false
	}
	f := strings.Fields(stat[end+1:])
	if len(f) < 15 {
		return proc{}, false
	}
	p := proc{pid: pid, name: stat[open+1 : end]}
	p.parent, _ = strconv.Atoi(f[1])
	for _, field := range f[11:15] {
		ticks, _ := strconv.ParseInt(field, 10, 64)
		p.cpu += time.Duration(ticks) * 10 * time.Millisecond
	}
	return p, true
}

func pss(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			kb, _ := strconv.ParseInt(f[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

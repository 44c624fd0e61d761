package doctor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Works makes a check of something that either works or does not: try returns
// what was found, for people.
func Works(name, remedy string, try func(ctx context.Context) (string, error)) Check {
	return Check{name, func(ctx context.Context) Finding {
		text, err := try(ctx)
		if err != nil {
			return broken(remedy, "%v", err)
		}
		return fine("%s", text)
	}}
}

// FFmpeg checks that the program at path (or on PATH, if empty) is there and
// can do what the composer asks of it.
func FFmpeg(path string) Check {
	return Check{"ffmpeg", func(ctx context.Context) Finding {
		const remedy = "install it with: apt-get install ffmpeg; or name one with --ffmpeg or STENO_FFMPEG"
		if path == "" {
			path = "ffmpeg"
		}
		out, err := exec.CommandContext(ctx, path, "-hide_banner", "-loglevel", "error", "-encoders").CombinedOutput()
		if err != nil {
			return broken(remedy, "cannot run %s: %v", path, err)
		}
		var missing []string
		for _, codec := range []string{"libx264", "aac", "flac"} {
			if !strings.Contains(string(out), " "+codec+" ") {
				missing = append(missing, codec)
			}
		}
		if len(missing) > 0 {
			return broken(remedy, "%s lacks the encoders %s", path, strings.Join(missing, ", "))
		}
		version, err := exec.CommandContext(ctx, path, "-version").Output()
		if err != nil {
			return broken(remedy, "cannot run %s: %v", path, err)
		}
		first, _, _ := strings.Cut(string(version), " Copyright")
		return fine("%s, with H.264, AAC and FLAC", first)
	}}
}

// lowDisk is where recordings of a few hours begin to be at risk; an hour of
// three people with video takes about half a gigabyte until it is stored.
const (
	lowDisk  = 5 << 30
	fullDisk = 512 << 20
)

// Disk checks that the folder can be written and has room.
func Disk(dir string) Check {
	return Check{"disk", func(context.Context) Finding {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return broken("choose another folder with --data or STENO_DATA", "cannot make %s: %v", dir, err)
		}
		probe := filepath.Join(dir, ".doctor")
		if err := os.WriteFile(probe, []byte("probe"), 0o600); err != nil {
			return broken("free some room, or choose another folder with --data or STENO_DATA", "cannot write to %s: %v", dir, err)
		}
		defer os.Remove(probe)
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil {
			return broken("choose another folder with --data or STENO_DATA", "cannot look at %s: %v", dir, err)
		}
		free := int64(st.Bavail) * st.Bsize
		switch {
		case free < fullDisk:
			return broken("free some room: bots are not started below 512 MiB", "%s has only %s left", dir, size(free))
		case free < lowDisk:
			return doubtful("an hour of video takes about half a gigabyte until it is stored", "%s has %s left", dir, size(free))
		}
		return fine("%s in %s", size(free), dir)
	}}
}

// Clock checks that the kernel believes its clock to be right: webhooks carry
// a timestamp that receivers compare with theirs, and signed URLs expire.
func Clock() Check {
	return Check{"clock", func(context.Context) Finding {
		var tx unix.Timex
		state, err := unix.Adjtimex(&tx)
		if err != nil {
			return doubtful("check by hand that the time is right", "cannot ask the kernel: %v", err)
		}
		const unsynchronised = 5 // TIME_ERROR
		if state == unsynchronised {
			return doubtful("run a time service (systemd-timesyncd or chrony), unless the host does it for this container", "the kernel does not know whether its clock is right")
		}
		return fine("synchronised, off by at most %d ms", tx.Maxerror/1000)
	}}
}

// Machine tells what the machine has. What a bot takes is in docs/recording.md.
func Machine() Check {
	return Check{"machine", func(context.Context) Finding {
		memory, err := memTotal()
		if err != nil {
			return doubtful("", "%d cores; cannot read the memory: %v", runtime.NumCPU(), err)
		}
		if memory < smallMemory {
			return doubtful("a bot takes about 350 MB while it records", "%d cores, %s of memory", runtime.NumCPU(), size(memory))
		}
		return fine("%d cores, %s of memory", runtime.NumCPU(), size(memory))
	}}
}

const smallMemory = 1 << 30

func memTotal() (int64, error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("no MemTotal in /proc/meminfo")
}

func size(n int64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

package screen

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"steno/internal/child"
	"steno/internal/record/journal"
)

const (
	// syncEvery bounds what a power cut may take; a kill takes at most one
	// fragment of 0.2 s.
	syncEvery  = 4 * time.Second
	pulseEvery = 5 * time.Second
	stopGrace  = 10 * time.Second
	displayHz  = 60
)

// film is one running ffmpeg.
type film struct {
	path string
	proc *child.Process
	told chan struct{} // closed when we end it
}

// arguments films the display with sound. Both devices stamp what they deliver
// with the wall clock; -copyts keeps the stamps and -itsoffset moves both to
// the epoch, so that sound and picture stay together whatever either of them
// leaves out. What a picture shows is not new when it is grabbed: it waited for
// half a frame on average, and one of the display's in the browser's compositor.
func (s *Stage) arguments(path string, epoch int64) []string {
	offset := func(us int64) string { return fmt.Sprintf("-%d.%06d", us/1_000_000, us%1_000_000) }
	age := int64(500_000/s.o.FPS + 1_000_000/displayHz)
	return []string{
		"-nostdin", "-hide_banner", "-nostats", "-loglevel", "info", "-copyts",
		"-thread_queue_size", "256", "-itsoffset", offset(epoch + age),
		"-f", "x11grab", "-draw_mouse", "0", "-framerate", fmt.Sprint(s.o.FPS),
		"-video_size", fmt.Sprintf("%dx%d", s.o.Width, s.o.Height), "-i", s.display,
		"-thread_queue_size", "1024", "-itsoffset", offset(epoch),
		// 20 ms at a time: the device's own choice is two seconds.
		"-f", "pulse", "-fragment_size", "3840", "-server", s.sound, "-i", sink + ".monitor",
		"-map", "0:v", "-map", "1:a",
		"-fps_mode", "passthrough",
		"-c:v", "libx264", "-preset", "ultrafast", "-crf", "26", "-pix_fmt", "yuv420p", "-g", fmt.Sprint(2 * s.o.FPS),
		"-af", "aresample=async=1000,silencedetect=noise=-50dB:duration=1",
		"-c:a", "aac", "-b:a", "96k", "-ar", "48000", "-ac", "1", // as what is composed
		"-f", "mp4", "-movflags", "+empty_moov+default_base_moof+frag_keyframe+frag_discont", "-frag_duration", "200000",
		"-avoid_negative_ts", "disabled", "-flush_packets", "1", "-y", path,
	}
}

func (s *Stage) startFilm(path string, epoch int64) (*film, error) {
	cmd := exec.Command(s.o.FFmpeg, s.arguments(path, epoch)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir}, s.env...)
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = w
	proc, err := child.Start(cmd)
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	f := &film{path: path, proc: proc, told: make(chan struct{})}
	var said child.Tail
	go func() {
		said.Follow(r, s.listen)
		r.Close()
	}()
	go func() {
		<-proc.Done()
		select {
		case <-f.told:
		default:
			s.fail.Do(func() {
				s.log.Error("film ended by itself", "said", strings.Join(last(said.Lines(), 5), " | "))
				close(s.failed)
			})
		}
	}()
	return f, nil
}

func (f *film) stop() {
	close(f.told)
	f.proc.Interrupt(stopGrace)
}

// follow notes the growth of the file, syncs it and writes pulses, until the
// film ends.
func (s *Stage) follow(f *film) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var size int64
	synced, pulsed := time.Now(), time.Now()
	for {
		select {
		case <-f.proc.Done():
			return
		case <-tick.C:
		}
		st, err := os.Stat(f.path)
		if err != nil || st.Size() == size {
			continue
		}
		s.mu.Lock()
		s.activity.LastFrame = s.o.Clock.Now()
		s.activity.Bytes += st.Size() - size
		if !s.silent {
			s.activity.LastSound = s.activity.LastFrame
		}
		pulse := journal.Pulse{Bytes: s.activity.Bytes}
		s.mu.Unlock()
		size = st.Size()
		if time.Since(synced) >= syncEvery {
			synced = time.Now()
			s.sync(f.path)
		}
		if time.Since(pulsed) >= pulseEvery {
			pulsed = time.Now()
			if _, err := s.o.Journal.Append(journal.Entry{Pulse: &pulse}); err != nil {
				s.log.Error("pulse not written", "error", err)
			}
		}
	}
}

func (s *Stage) sync(path string) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		err = file.Sync()
		file.Close()
	}
	if err != nil {
		s.log.Warn("film not synced", "error", err)
	}
}

// listen hears what ffmpeg's silence detector says. Until it reports silence,
// there is sound.
func (s *Stage) listen(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case strings.Contains(line, "silence_start:"):
		s.silent = true
	case strings.Contains(line, "silence_end:"):
		s.silent = false
	}
}

func last(lines []string, n int) []string { return lines[max(0, len(lines)-n):] }

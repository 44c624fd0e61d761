package screen

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// sink is the name of the sound device.
const sink = "steno"

// key is the file that opens the display: other users of the machine must not
// look in.
func (s *Stage) key() string { return filepath.Join(s.dir, "xauthority") }

// openDisplay starts Xvfb on a display number of its own choice.
func (s *Stage) openDisplay(ctx context.Context) error {
	if err := writeKey(s.key()); err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-auth", s.key(), "-nolisten", "tcp", "-noreset",
		"-screen", "0", fmt.Sprintf("%dx%dx24", s.o.Width, s.o.Height))
	cmd.ExtraFiles = []*os.File{w}
	err = s.launch(cmd)
	w.Close()
	if err != nil {
		r.Close()
		return err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = r.SetReadDeadline(deadline)
	}
	stop := context.AfterFunc(ctx, func() { _ = r.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		r.Close()
		return fmt.Errorf("display did not start: %w", errors.Join(err, ctx.Err()))
	}
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		r.Close()
		return fmt.Errorf("display did not start: %w", err)
	}
	_ = r.SetReadDeadline(time.Time{})
	go drain(r)
	s.display = fmt.Sprintf(":%d", n)
	return nil
}

// writeKey makes an Xauthority file with one random key that fits any display
// (Xau(3): family, address, number, name, data, each but the first with its
// length before it).
func writeKey(path string) error {
	const anyFamily = 0xffff
	data := make([]byte, 16)
	if _, err := rand.Read(data); err != nil {
		return err
	}
	b := binary.BigEndian.AppendUint16(nil, anyFamily)
	for _, field := range []string{"", "", "MIT-MAGIC-COOKIE-1", string(data)} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(field)))
		b = append(b, field...)
	}
	return os.WriteFile(path, b, 0o600)
}

// openSound starts a PulseAudio of our own with nothing but a null device.
func (s *Stage) openSound(ctx context.Context) error {
	socket := filepath.Join(s.dir, "pulse.sock")
	cmd := exec.Command("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
		"--disable-shm=yes", "--realtime=no", "--high-priority=no", "--log-level=error",
		"-L", "module-null-sink sink_name="+sink+" rate=48000 channels=2",
		"-L", "module-native-protocol-unix auth-anonymous=1 socket="+socket)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "XDG_RUNTIME_DIR=" + s.dir, "PULSE_RUNTIME_PATH=" + s.dir}
	if err := s.launch(cmd); err != nil {
		return err
	}
	for {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
			s.sound = "unix:" + socket
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-s.failed:
			return errors.New("sound device ended at once")
		case <-ctx.Done():
			return fmt.Errorf("sound device did not start: %w", ctx.Err())
		}
	}
}

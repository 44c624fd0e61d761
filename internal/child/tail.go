package child

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"sync"
)

// Tail keeps the last lines of a stream, at most 200.
type Tail struct {
	mu    sync.Mutex
	lines []string
}

const tailLines = 200

// Follow reads until r ends; each is called for every line unless nil.
func (t *Tail) Follow(r io.Reader, each func(string)) {
	br := bufio.NewReaderSize(r, 4<<10)
	for {
		line, err := br.ReadSlice('\n')
		if s := strings.TrimSpace(string(line)); s != "" {
			t.add(s)
			if each != nil {
				each(s)
			}
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (t *Tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
}

// Lines returns them, oldest first.
func (t *Tail) Lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.lines...)
}

package compose

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// chunkTicks is the length of a chunk of video, 20 s: what is lost at most of
// the work when the composer is killed.
const chunkTicks = 20 * fps

// chunkScale is the clock of a chunk's timestamps, Hz: a multiple of the frame
// rate, so that the length of a chunk is exact.
const chunkScale = 512 * fps

// chunkWriter encodes one chunk: H.264 in a closed group of pictures, all with
// the same parameters, so that chunks can be put one behind the other.
type chunkWriter struct {
	c    *program
	temp string
}

func newChunkWriter(ctx context.Context, log *slog.Logger, ffmpeg, work string, n int64) (*chunkWriter, error) {
	temp := filepath.Join(work, fmt.Sprintf("video-%06d.tmp", n))
	c, err := spawn(ctx, log, ffmpeg, "encode video", pipes{},
		"-y", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", fmt.Sprintf("%dx%d", width, height), "-framerate", fmt.Sprint(fps),
		"-probesize", "32", "-analyzeduration", "0", "-i", "pipe:0",
		"-c:v", "libx264", "-preset", "ultrafast", "-crf", "27", "-g", fmt.Sprint(4*fps), "-bf", "0", "-threads", "1",
		"-colorspace", "smpte170m", "-color_primaries", "smpte170m", "-color_trc", "smpte170m", "-color_range", "tv",
		"-video_track_timescale", fmt.Sprint(chunkScale), "-f", "mp4", temp)
	if err != nil {
		return nil, err
	}
	return &chunkWriter{c: c, temp: temp}, nil
}

func (w *chunkWriter) write(frame []byte) error {
	if _, err := w.c.in.Write(frame); err != nil {
		w.c.kill()
		return fmt.Errorf("write video: %w (%w)", err, w.c.wait())
	}
	return nil
}

// finish makes the chunk whole: only then it has its name, which tells what is
// to be seen in it.
func (w *chunkWriter) finish(work string, n int64, print string) error {
	if err := w.c.in.Close(); err != nil {
		return fmt.Errorf("finish video: %w", err)
	}
	if err := w.c.wait(); err != nil {
		return err
	}
	for _, old := range finishedChunks(work, n) {
		if err := os.Remove(old); err != nil {
			return fmt.Errorf("replace chunk: %w", err)
		}
	}
	if err := os.Rename(w.temp, chunkPath(work, n, print)); err != nil {
		return fmt.Errorf("finish video: %w", err)
	}
	return nil
}

func chunkPath(work string, n int64, print string) string {
	return filepath.Join(work, fmt.Sprintf("video-%06d-%s.mp4", n, print))
}

// finishedChunks returns the files of chunk n, whatever is in them.
func finishedChunks(work string, n int64) []string {
	names, _ := filepath.Glob(filepath.Join(work, fmt.Sprintf("video-%06d-*.mp4", n)))
	return names
}

// chunkFiles returns the first n chunks in order.
func chunkFiles(work string, n int64) ([]string, error) {
	var list []string
	for i := range n {
		files := finishedChunks(work, i)
		if len(files) != 1 {
			return nil, fmt.Errorf("chunk %d of the video: %d files, want one", i, len(files))
		}
		list = append(list, files[0])
	}
	sort.Strings(list)
	return list, nil
}

// clean removes what a killed composer left half done.
func clean(work string) {
	names, _ := os.ReadDir(work)
	for _, n := range names {
		if strings.HasSuffix(n.Name(), ".tmp") || strings.HasPrefix(n.Name(), "person-") || strings.HasPrefix(n.Name(), "mix.") {
			_ = os.Remove(filepath.Join(work, n.Name()))
		}
	}
}

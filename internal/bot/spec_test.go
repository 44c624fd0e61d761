package bot

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCameraThatWasAskedFor(t *testing.T) {
	one := []string{"https://x.example/1.png"}
	for _, c := range []struct {
		name   string
		images []string
		config string
		want   *Camera
	}{
		{"nothing", nil, `{"loop_mode":"auto"}`, nil},
		{"a picture", one, "", &Camera{Images: one, Turn: 30 * time.Second}},
		{"a turn", one, `{"image_duration":10}`, &Camera{Images: one, Turn: 10 * time.Second}},
		{"by status", one, `{"loop_mode":"bot_status","image_duration":120}`, &Camera{Images: one, ByStatus: true, Turn: 2 * time.Minute}},
	} {
		got := Config{Images: c.images, ImageConfig: json.RawMessage(c.config)}.camera()
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

package admin_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"steno/internal/blob"
	"steno/internal/bot"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

const spokenPage = "<script>alert(1)</script>"

// failed makes a bot of a team that failed and left evidence, and one that anybody
// of the team may see.
func (s *stand) failed(t *testing.T, team string) string {
	t.Helper()
	ctx := t.Context()
	id, err := s.bots.Create(ctx, team, bot.Request{Name: "N", MeetingURL: "https://zoom.us/j/1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.bots.Launch(ctx, id, "host"); err != nil {
		t.Fatal(err)
	}
	p := bot.Progress{Seq: 1}
	for name, content := range map[string]string{"1-end.json": `{"signals":["denied"]}`, "1-page.html": spokenPage, "output.flac": "sound"} {
		file, kind, key := filepath.Join(t.TempDir(), name), bot.KindEvidence, id+"/evidence/"+name
		if name == "output.flac" {
			kind, key = bot.KindAudio, id+"/"+name
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := s.objects.Put(ctx, key, file, blob.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		a := bot.StoredArtifact{Kind: kind, Key: key, Bytes: info.Bytes, SHA256: info.SHA256}
		if kind == bot.KindEvidence {
			a.Name = name
		}
		p.Artifacts = append(p.Artifacts, a)
	}
	if err := s.bots.Apply(ctx, id, p); err != nil {
		t.Fatal(err)
	}
	return id
}

func (s *stand) get(t *testing.T, path string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/admin/v1"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestEvidenceIsForOperatorsAndGoesWithTheData(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		red := str(s.do(t, 201, "POST", "/teams", `{"name":"red"}`), "team_id")
		id := s.failed(t, red)
		base := "/teams/" + red + "/bots/" + id + "/evidence"
		list := s.do(t, 200, "GET", base, "")["list"].([]any)
		if len(list) != 2 || str(list[0].(map[string]any), "name") != "1-end.json" || list[1].(map[string]any)["bytes"] != float64(len(spokenPage)) {
			t.Fatalf("got %v", list)
		}
		resp, body := s.get(t, base+"/1-page.html")
		if h := resp.Header; resp.StatusCode != 200 || body != spokenPage || h.Get("Content-Disposition") != "attachment; filename=1-page.html" ||
			h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("got %d %v %s", resp.StatusCode, resp.Header, body)
		}
		for _, name := range []string{"output.flac", "../output.flac", "..%2foutput.flac", "..%2f..%2f..%2fetc%2fpasswd", "%00", "1-end.json%00", "1-END.json", "evidence%2f1-end.json"} {
			if resp, body := s.get(t, base+"/"+name); resp.StatusCode == 200 || strings.Contains(body, "sound") {
				t.Errorf("%s: %d %s", name, resp.StatusCode, body)
			}
		}
		d, err := s.bots.Details(context.Background(), red, id)
		if err != nil || len(d.Artifacts) != 1 || d.Artifacts[0].Kind != bot.KindAudio {
			t.Errorf("the team sees %+v, %v", d.Artifacts, err)
		}
		if err := s.bots.DeleteData(t.Context(), red, id, false); err != nil {
			t.Fatal(err)
		}
		if list := s.do(t, 200, "GET", base, "")["list"].([]any); len(list) != 0 {
			t.Errorf("after the deletion: %v", list)
		}
		if gone, err := (store.Bots{DB: db}).DeletedArtifacts(t.Context(), id); err != nil || len(gone) != 3 {
			t.Errorf("to be removed: %v, %v", gone, err)
		}
	})
}

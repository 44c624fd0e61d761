package store

import (
	"encoding/json"
	"testing"

	"steno/internal/calendar"

	"github.com/google/go-cmp/cmp"
)

func TestDetailsComeBackAsTheyWere(t *testing.T) {
	for name, raw := range map[string]string{
		"no object of the service": "", "an object": `{"id":"x"}`, "an object of many lines": "{\n \"id\": \"x\"\n}\n", "a line break first": "\n{}",
	} {
		d := calendar.Details{Description: "first\nsecond", Location: "Room \u2028 1", Attendees: []calendar.Person{{Email: "ada@example.com"}}}
		if raw != "" {
			d.Raw = json.RawMessage(raw)
		}
		packed, err := packDetails(d)
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpackDetails(packed, nil)
		if diff := cmp.Diff(d, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func TestDetailsOfEarlierVersionsAreRead(t *testing.T) {
	packed, err := packDetails(calendar.Details{Location: "here"})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := deflate([]byte(`{"id":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := unpackDetails(packed, raw)
	if want := (calendar.Details{Location: "here", Raw: json.RawMessage(`{"id":"x"}`)}); err != nil || !cmp.Equal(want, got) {
		t.Errorf("got %+v, %v", got, err)
	}
}

package compose

import "testing"

func TestNamesOnTiles(t *testing.T) {
	a, err := newArtist()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]string{
		"Ada Lovelace":      {"Ada Lovelace", "AL"},
		"Łukasz Żółć-Nowak": {"Łukasz Żółć-Nowak", "ŁN"},
		"東京 太郎":             {"Participant 3", "P3"}, // the font has no such letters
		"Zoë 🎉":             {"Zoë", "Z"},
		"\u202eevil":        {"evil", "E"},
	} {
		got := a.written(tile{name: name, alias: "Participant 3"})
		if got != want[0] || initials(got) != want[1] {
			t.Errorf("%q is written %q (%q), want %q", name, got, initials(got), want)
		}
	}
	if l := a.label("A name that is far too long for its tile", 14, 120); l == nil || l.w > 120 {
		t.Errorf("a long label does not fit: %+v", l)
	}
}

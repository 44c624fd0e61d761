package ident

import "testing"

func TestValidFollowsTheIdPatternOfTheAPI(t *testing.T) {
	for id, want := range map[string]bool{
		New():                                   true,
		"6f1b1c1e-0f5e-4b7e-9a51-2f3f5f1c9a10":  true,
		"00000000-0000-0000-0000-000000000000":  true,
		"ffffffff-ffff-ffff-ffff-ffffffffffff":  true,
		"6f1b1c1e-0f5e-9b7e-9a51-2f3f5f1c9a10":  false, // version 9
		"6f1b1c1e-0f5e-4b7e-1a51-2f3f5f1c9a10":  false, // variant
		"6f1b1c1e0f5e4b7e9a512f3f5f1c9a10":      false,
		"{6f1b1c1e-0f5e-4b7e-9a51-2f3f5f1c9a1}": false,
		"cal_123":                               false,
		"":                                      false,
	} {
		if Valid(id) != want {
			t.Errorf("Valid(%q) = %v, want %v", id, !want, want)
		}
	}
}

func TestIdsSortByTheirMaking(t *testing.T) {
	last := ""
	for range 1000 {
		id := New()
		if id <= last {
			t.Fatalf("%s does not follow %s", id, last)
		}
		last = id
	}
}

package mp4

import (
	"fmt"
	"slices"
)

// samples reads the samples of a track from its tables (ISO/IEC 14496-12 sections
// 8.6.1.2, 8.6.2, 8.7.3 to 8.7.5).
func samples(name string, stbl *box) ([]sample, error) {
	read := func(kind string, at, numbers int) ([]uint32, error) {
		b, err := stbl.only(kind)
		if err != nil {
			return nil, err
		}
		return b.list(at, numbers)
	}
	sizes, err := sizes(stbl)
	if err != nil {
		return nil, err
	}
	times, err := read("stts", 4, 2)
	if err != nil {
		return nil, err
	}
	places, err := read("stco", 4, 1)
	if err != nil {
		return nil, err
	}
	perPlace, err := read("stsc", 4, 3)
	if err != nil {
		return nil, err
	}
	list := make([]sample, len(sizes))
	n := 0
	for i := 0; i < len(times); i += 2 {
		for range times[i] {
			if n == len(list) {
				return nil, fmt.Errorf("its tables differ")
			}
			list[n].file, list[n].size, list[n].ticks = name, sizes[n], times[i+1]
			n++
		}
	}
	if n != len(list) {
		return nil, fmt.Errorf("its tables differ")
	}
	n = 0
	for i, at := range places {
		for len(perPlace) >= 6 && perPlace[3] <= uint32(i+1) {
			perPlace = perPlace[3:]
		}
		if len(perPlace) == 0 {
			return nil, fmt.Errorf("its tables differ")
		}
		offset := int64(at)
		for range perPlace[1] {
			if n == len(list) {
				return nil, fmt.Errorf("its tables differ")
			}
			list[n].offset = offset
			offset += int64(list[n].size)
			n++
		}
	}
	if n != len(list) {
		return nil, fmt.Errorf("its tables differ")
	}
	if _, err := stbl.only("stss"); err != nil { // all of them
		for i := range list {
			list[i].sync = true
		}
		return list, nil
	}
	syncs, err := read("stss", 4, 1)
	for _, s := range syncs {
		if s < 1 || int(s) > len(list) {
			return nil, fmt.Errorf("its tables differ")
		}
		list[s-1].sync = true
	}
	return list, err
}

// sizes reads how long the samples are, which are not listed if all are as long.
func sizes(stbl *box) ([]uint32, error) {
	stsz, err := stbl.only("stsz")
	if err != nil {
		return nil, err
	}
	same, err := stsz.number(4)
	if err != nil {
		return nil, err
	}
	if same == 0 {
		return stsz.list(8, 1)
	}
	n, err := stsz.number(8)
	if n > mostTables/4 {
		err = fmt.Errorf("its %q is too long", stsz.kind)
	}
	if err != nil {
		return nil, err
	}
	return slices.Repeat([]uint32{same}, int(n)), nil
}

// lists are the tables of the samples; places are where the stretches begin, and
// wide is whether they need more than 32 bits.
func (t *track) lists(places []int64, wide bool) []*box {
	var times, syncs, sizes, perPlace, at []uint32
	for i, s := range t.samples {
		sizes = append(sizes, s.size)
		if n := len(times); n > 0 && times[n-1] == s.ticks {
			times[n-2]++
		} else {
			times = append(times, 1, s.ticks)
		}
		if s.sync {
			syncs = append(syncs, uint32(i+1))
		}
	}
	for i, n := range t.runs() {
		if l := len(perPlace); l == 0 || perPlace[l-2] != uint32(n) {
			perPlace = append(perPlace, uint32(i+1), uint32(n), 1)
		}
	}
	kind := "stco"
	if wide {
		kind = "co64"
	}
	for _, p := range places {
		if wide {
			at = append(at, uint32(p>>32))
		}
		at = append(at, uint32(p))
	}
	boxes := []*box{table("stts", nil, len(times)/2, times)}
	if len(syncs) < len(sizes) {
		boxes = append(boxes, table("stss", nil, len(syncs), syncs))
	}
	return append(boxes,
		table("stsc", nil, len(perPlace)/3, perPlace),
		table("stsz", []uint32{0}, len(sizes), sizes),
		table(kind, nil, len(places), at))
}

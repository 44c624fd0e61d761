package speakers

import "sort"

// Union joins turns of one person, which may come from several tracks, to a
// list in order of time without overlaps. Turns that touch become one.
func Union(turns []Turn) []Turn {
	sort.Slice(turns, func(i, j int) bool { return turns[i].From < turns[j].From })
	var list []Turn
	for _, t := range turns {
		if n := len(list); n > 0 && t.From <= list[n-1].To {
			list[n-1].To = max(list[n-1].To, t.To)
			continue
		}
		list = append(list, t)
	}
	return list
}

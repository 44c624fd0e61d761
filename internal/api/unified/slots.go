package unified

import (
	"context"
	"strconv"
	"strings"
	"time"

	"steno/internal/account"
	"steno/internal/calendar/freetime"
	"steno/internal/calendar/unified"
	"steno/internal/clock"
	"steno/internal/fail"
)

type slotsInput struct {
	Start      string `query:"start" doc:"ISO 8601; required"`
	End        string `query:"end" doc:"ISO 8601, within 60 days of start; required"`
	Duration   int    `query:"duration" doc:"of the meeting, in minutes, 1 to 1440; required"`
	TimeZone   string `query:"timeZone" default:"UTC" doc:"IANA zone of workingHours, weekdays and the answer"`
	Hours      string `query:"workingHours" doc:"within which the meeting lies, such as 09:00-12:00,13:00-17:00, or, by day, mon-thu 09:00-17:00,fri 09:00-13:00; any time if it is left out"`
	Weekdays   string `query:"weekdays" doc:"on which the meeting may be, such as mon,tue,fri or mon-fri; any if it is left out"`
	People     string `query:"people" doc:"calendarIds and e-mail addresses, separated by commas; all connected calendars if it is left out"`
	Step       int    `query:"step" doc:"minutes between possible starts, counted from the beginning of the working hours; 30, or duration if that is less"`
	Before     int    `query:"bufferBefore" doc:"minutes to be free before the meeting, 0 to 240"`
	After      int    `query:"bufferAfter" doc:"minutes to be free after the meeting, 0 to 240"`
	MaxResults int    `query:"maxResults" default:"50" doc:"1 to 250"`
	Partial    bool   `query:"partial" doc:"leave out whoever cannot be asked about"`
}

type slot struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

type slotsOutput struct {
	Body struct {
		Success  bool      `json:"success"`
		Slots    []slot    `json:"slots" doc:"the first that there are; they may overlap"`
		Count    int       `json:"count"`
		TimeZone string    `json:"timeZone"`
		Errors   []trouble `json:"errors,omitempty" doc:"who could not be asked about"`
	}
}

func (s *Surface) freeSlots(ctx context.Context, c account.Caller, in *slotsInput) (*slotsOutput, error) {
	q, err := in.read()
	if err != nil {
		return nil, err
	}
	found, err := s.Calendar.FreeSlots(ctx, c.TeamID, q)
	if err != nil {
		return nil, err
	}
	var out slotsOutput
	out.Body.Success, out.Body.Count, out.Body.TimeZone = true, len(found.Slots), q.Zone.String()
	out.Body.Slots, out.Body.Errors = make([]slot, 0, len(found.Slots)), wireTroubles(found.Troubles)
	for _, f := range found.Slots {
		out.Body.Slots = append(out.Body.Slots, slot{f.Start.In(q.Zone).Format(time.RFC3339), f.End.In(q.Zone).Format(time.RFC3339)})
	}
	return &out, nil
}

func (in *slotsInput) read() (q unified.SlotQuery, err error) {
	w, err := readWindow(in.Start, in.End)
	if err != nil {
		return q, err
	}
	q.Window = freetime.Span(w)
	if q.Zone, err = clock.Zone(in.TimeZone); err != nil || in.TimeZone == "Local" {
		return q, invalid("timeZone: must be an IANA zone, such as Europe/Berlin")
	}
	if q.Working, err = readWorking(in.Hours, in.Weekdays); err != nil {
		return q, err
	}
	for _, p := range strings.Split(in.People, ",") {
		if p = strings.TrimSpace(p); p != "" {
			q.People = append(q.People, p)
		}
	}
	if in.Step == 0 {
		in.Step = min(30, in.Duration)
	}
	q.Duration, q.Step, q.Before, q.After = minutes(in.Duration), minutes(in.Step), minutes(in.Before), minutes(in.After)
	q.Max, q.Partial = in.MaxResults, in.Partial
	return q, nil
}

// minutes bounds what is asked for, so that it cannot run over.
func minutes(n int) time.Duration { return time.Duration(max(-1, min(n, 1e6))) * time.Minute }

func invalid(text string) error { return fail.New(fail.Invalid, unified.CodeValidation, "%s", text) }

var weekdays = map[string]time.Weekday{"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}

// readWorking reads "mon-thu 09:00-17:00,fri 09:00-13:00". Hours without days are
// for all of those asked for.
func readWorking(hours, days string) (map[time.Weekday][]freetime.Hours, error) {
	wanted := map[time.Weekday]bool{}
	if days == "" {
		days = "sun-sat"
	}
	for _, part := range strings.Split(days, ",") {
		list, ok := readDays(part)
		if !ok {
			return nil, invalid("weekdays: must be days such as mon,tue,fri or mon-fri")
		}
		for _, d := range list {
			wanted[d] = true
		}
	}
	if hours == "" {
		hours = "00:00-24:00"
	}
	out := map[time.Weekday][]freetime.Hours{}
	for _, part := range strings.Split(hours, ",") {
		fields, list, ok := strings.Fields(part), []time.Weekday{0, 1, 2, 3, 4, 5, 6}, true
		if len(fields) == 2 {
			list, ok = readDays(fields[0])
			fields = fields[1:]
		}
		if !ok || len(fields) != 1 {
			return nil, errHours
		}
		h, ok := readHours(fields[0])
		if !ok {
			return nil, errHours
		}
		for _, d := range list {
			if !wanted[d] {
				continue
			}
			for _, other := range out[d] {
				if h.From < other.To && other.From < h.To {
					return nil, invalid("workingHours: two of them overlap")
				}
			}
			out[d] = append(out[d], h)
		}
	}
	return out, nil
}

var errHours = invalid("workingHours: must be hours such as 09:00-17:00, with days before them if they differ, such as mon-thu 09:00-17:00,fri 09:00-13:00; hours end after they begin, at 24:00 at the latest")

// readDays reads "mon" or "mon-fri"; "sat-mon" goes over the end of the week.
func readDays(text string) (list []time.Weekday, ok bool) {
	from, to, isRange := strings.Cut(strings.ToLower(strings.TrimSpace(text)), "-")
	if !isRange {
		to = from
	}
	first, ok1 := weekdays[from]
	last, ok2 := weekdays[to]
	if !ok1 || !ok2 {
		return nil, false
	}
	for d := first; ; d = (d + 1) % 7 {
		if list = append(list, d); d == last {
			return list, true
		}
	}
}

func readHours(text string) (h freetime.Hours, ok bool) {
	from, to, _ := strings.Cut(text, "-")
	h.From, ok = readClock(from)
	if !ok {
		return h, false
	}
	h.To, ok = readClock(to)
	return h, ok && h.From < h.To
}

// readClock reads 09:30 as minutes since midnight.
func readClock(text string) (int, bool) {
	hour, minute, ok := strings.Cut(text, ":")
	h, err := strconv.ParseUint(hour, 10, 8)
	m, err2 := strconv.ParseUint(minute, 10, 8)
	total := int(h*60 + m)
	return total, ok && err == nil && err2 == nil && len(hour) <= 2 && len(minute) == 2 && m < 60 && total <= 24*60
}

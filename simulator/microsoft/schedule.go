package microsoft

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"steno/simulator/service"
	"steno/simulator/truth"
)

// limits of getSchedule.
const (
	maxSchedules = 20
	maxSpan      = 62 * 24 * time.Hour
	maxEntries   = 1000
)

type scheduleItem struct {
	Status  string   `json:"status"`
	Start   dateTime `json:"start"`
	End     dateTime `json:"end"`
	Subject string   `json:"subject,omitempty"`
}

// getSchedule tells when people are busy. Personal accounts have none.
func getSchedule(c *call) service.Reply {
	if c.account.Personal {
		return c.s.failure(http.StatusForbidden, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
	}
	var body struct {
		Schedules                []string
		StartTime, EndTime       json.RawMessage
		AvailabilityViewInterval int
	}
	if err := service.ReadJSON(c.r, &body); err != nil {
		return c.s.failure(http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload.")
	}
	var x truth.Content
	if body.StartTime == nil || body.EndTime == nil || setTime(body.StartTime, &x, &x.Start) != nil || setTime(body.EndTime, &x, &x.End) != nil {
		return c.s.failure(http.StatusBadRequest, "ErrorInvalidParameter", "startTime and endTime are required.")
	}
	step := time.Duration(body.AvailabilityViewInterval) * time.Minute
	if step == 0 {
		step = 30 * time.Minute
	}
	switch {
	case step < 5*time.Minute || step > 1440*time.Minute:
		return c.s.failure(http.StatusBadRequest, "ErrorInvalidMergedFreeBusyInterval", "The merged free/busy interval value is invalid.")
	case !x.Start.Before(x.End) || x.End.Sub(x.Start) > maxSpan:
		return c.s.failure(http.StatusBadRequest, "ErrorInvalidTimeInterval", "The time window is invalid.")
	case len(body.Schedules) == 0 || len(body.Schedules) > maxSchedules:
		return c.s.failure(http.StatusBadRequest, "ErrorInvalidParameter", "schedules takes 1 to 20 addresses.")
	}
	rows := []any{}
	for _, email := range body.Schedules {
		rows = append(rows, c.schedule(email, x.Start, x.End, step))
	}
	return service.Reply{Body: map[string]any{"value": rows}}
}

func (c *call) schedule(email string, from, to time.Time, step time.Duration) map[string]any {
	account := c.s.User(email)
	row := map[string]any{"scheduleId": email, "availabilityView": "", "scheduleItems": []scheduleItem{}}
	if account == nil || account.NoMailbox {
		row["error"] = map[string]string{"message": "Unable to resolve e-mail address " + email + " to an Active Directory object.", "responseCode": "ErrorMailRecipientNotFound"}
		return row
	}
	cal := account.Primary()
	v := c.view(cal)
	busy := make([]byte, 0, int(to.Sub(from)/step)+1)
	for t := from; t.Before(to); t = t.Add(step) {
		busy = append(busy, '0')
	}
	items := []scheduleItem{}
	for _, o := range cal.Occurrences(from, to) {
		status, digit := "busy", byte('2')
		switch {
		case o.Content.Free || o.Response == truth.Declined || o.Content.CalledOff:
			status, digit = "free", '0'
		case o.Content.Unsure || o.Response == truth.Tentative:
			status, digit = "tentative", '1'
		}
		items = append(items, scheduleItem{status, v.when(o.Start, o.Content), v.when(o.End, o.Content), o.Content.Title})
		start, end := truth.Begins(o.Start, o.AllDay, o.Content.Zone), truth.Begins(o.End, o.AllDay, o.Content.Zone)
		for i := range busy {
			at := from.Add(time.Duration(i) * step)
			if start.Before(at.Add(step)) && end.After(at) && busy[i] < digit {
				busy[i] = digit
			}
		}
	}
	if len(items) > maxEntries {
		row["error"] = map[string]string{"message": "The result set contains too many calendar entries.", "responseCode": "5006"}
		return row
	}
	row["availabilityView"], row["scheduleItems"] = string(busy), items
	row["workingHours"] = map[string]any{"daysOfWeek": strings.Fields("monday tuesday wednesday thursday friday"), "startTime": "08:00:00.0000000",
		"endTime": "17:00:00.0000000", "timeZone": map[string]string{"name": windowsName(account.Zone)}}
	return row
}

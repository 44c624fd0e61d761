package runtime

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"steno/internal/bot"
	"steno/internal/record/journal"
)

// reducer turns journal entries into reports. It must be fed a bot's whole
// journal in order, also what was reported before it existed.
type reducer struct {
	people  []bot.Participant
	index   map[string]int // by the platform's id, into people
	present []int          // how many of a participant's ids are here
	joined  bool
	end     journal.End
	failure string // why the recording failed, if that was said
	// in and out are how much was streamed.
	in, out time.Duration
	live    *bot.LiveTranscript      // who tells what is said; nil: nobody
	open    map[string]bot.Utterance // what is being said, by line
	epoch   int64                    // Unix microseconds; 0: recording has not begun
	pauses  [][2]int64
}

func newReducer(live *bot.LiveTranscript) *reducer {
	return &reducer{index: map[string]int{}, live: live, open: map[string]bot.Utterance{}}
}

// reduce adds what an entry says to the report. Artifacts are left to the
// caller, who has to store them first.
func (r *reducer) reduce(p *bot.Progress, e journal.Entry) {
	p.Seq = e.Seq
	switch {
	case e.State != nil:
		p.Transitions = append(p.Transitions, bot.Transition{Status: e.State.Code, At: e.At, Message: e.State.Message, Code: e.State.Reason})
		if e.State.Code == bot.InCall && !r.joined {
			r.joined = true
			at := e.At
			p.JoinedAt = &at
		}
		if e.State.Code == bot.RecordingFailed {
			r.failure = e.State.Message
		}
	case e.Person != nil:
		if r.meet(*e.Person) {
			p.People = append([]bot.Participant(nil), r.people...)
		}
	case e.Chat != nil && !e.Chat.Self:
		p.Chats = append(p.Chats, bot.ChatMessage{ID: e.Chat.ID, Sender: e.Chat.Sender, N: r.number(e.Chat.Sender), Text: e.Chat.Text})
	case e.Epoch != nil && r.epoch == 0:
		r.epoch = e.Epoch.UnixMicro
	case e.Pause != nil:
		r.pause(*e.Pause, e.At)
	case e.Session != nil && len(r.open) > 0: // the process that heard it is no more
		clear(r.open)
		p.Partial = r.partial()
	case e.Caption != nil && r.live != nil && r.live.Provider == bot.LiveCaptions:
		c := e.Caption
		r.hear(p, e.Seq, journal.Heard{Line: c.ID, Person: c.Person, Name: c.Name, Text: c.Text, Language: c.Language, From: c.From, To: c.To, Partial: !c.Final})
	case e.Heard != nil && r.live != nil && r.live.Provider != bot.LiveCaptions:
		r.hear(p, e.Seq, *e.Heard)
	case e.End != nil:
		r.end = *e.End
		if r.joined {
			at := e.At
			p.ExitedAt = &at
		}
	case e.Result != nil:
		p.Result = &bot.Result{
			Duration:     time.Duration(e.Result.DurationMS) * time.Millisecond,
			Participants: speakers(e.Result.Participants), Speakers: speakers(e.Result.Speakers),
		}
	case e.Streamed != nil:
		r.in += time.Duration(e.Streamed.InMS) * time.Millisecond
		r.out += time.Duration(e.Streamed.OutMS) * time.Millisecond
	case e.Done != nil:
		p.Done = &bot.Done{
			Status: e.Done.Status, Code: e.Done.Code, Message: cmp.Or(r.failure, r.end.Message), At: e.At,
			StreamedIn: r.in, StreamedOut: r.out,
		}
	}
}

// meet takes in a roster entry and reports whether the list of participants
// changed. Somebody who is back under the same name is the same participant;
// two who are there at once are two.
func (r *reducer) meet(p journal.Person) bool {
	i, known := r.index[p.ID]
	switch {
	case p.Self:
		return false
	case known && p.Left:
		r.present[i] = max(0, r.present[i]-1)
		return false
	case !known:
		i = r.returned(p)
		r.index[p.ID] = i
	}
	r.present[i] = 1
	now := bot.Participant{N: i + 1, Name: p.Name, DisplayName: p.DisplayName, Picture: p.Picture}
	if r.people[i] == now {
		return false
	}
	r.people[i] = now
	return true
}

func (r *reducer) returned(p journal.Person) int {
	for i, old := range r.people {
		if p.Name != "" && old.Name == p.Name && r.present[i] == 0 {
			return i
		}
	}
	r.people = append(r.people, bot.Participant{})
	r.present = append(r.present, 0)
	return len(r.people) - 1
}

func speakers(list []journal.Speaker) []bot.Participant {
	out := make([]bot.Participant, len(list))
	for i, s := range list {
		out[i] = bot.Participant{N: s.N, Name: s.Name, DisplayName: s.DisplayName, Picture: s.Picture, TalkMS: s.TalkMS}
	}
	return out
}

// says reports whether a report has anything that the world acts on. Most
// journal entries (pulses, bindings, tracks) are for the composer alone.
func says(p bot.Progress) bool {
	return len(p.Transitions) > 0 || p.People != nil || p.JoinedAt != nil || p.ExitedAt != nil ||
		len(p.Artifacts) > 0 || len(p.Chats) > 0 || len(p.Utterances) > 0 || p.Partial != nil || p.Result != nil || p.Done != nil
}

// number is that of the only participant of a name, 0 if nobody or several
// have it.
func (r *reducer) number(name string) (n int) {
	for _, p := range r.people {
		if p.Name == name && name != "" {
			if n > 0 {
				return 0
			}
			n = p.N
		}
	}
	return n
}

// hear takes in what was said, or what of it was said so far.
func (r *reducer) hear(p *bot.Progress, seq int64, h journal.Heard) {
	u := r.utterance(seq, h)
	if !h.Partial {
		p.Utterances = append(p.Utterances, u)
	}
	if !r.live.Partial {
		return
	}
	if _, known := r.open[h.Line]; h.Partial && h.Text != "" {
		r.open[h.Line] = u
	} else if known {
		delete(r.open, h.Line)
	} else {
		return
	}
	p.Partial = r.partial()
}

// partial lists what is being said, as it began.
func (r *reducer) partial() []bot.Utterance {
	list := slices.AppendSeq([]bot.Utterance{}, maps.Values(r.open))
	slices.SortFunc(list, func(a, b bot.Utterance) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Seq, b.Seq)) })
	return list
}

// nobody is the name of a speaker who is not known, as in transcripts.
const nobody = "Unknown"

// utterance is what was said, with the name that the list of participants
// has.
func (r *reducer) utterance(seq int64, c journal.Heard) bot.Utterance {
	u := bot.Utterance{Seq: seq, Speaker: c.Name, N: r.number(c.Name), Text: c.Text, Language: c.Language, Start: r.clock(c.From), End: r.clock(c.To)}
	if i, known := r.index[c.Person]; known {
		u.Speaker, u.N = r.people[i].Name, r.people[i].N
	}
	u.Speaker = cmp.Or(u.Speaker, nobody)
	return u
}

func (r *reducer) pause(p journal.Pause, at time.Time) {
	us := p.UnixMicro
	if us == 0 {
		us = at.UnixMicro()
	}
	n := len(r.pauses)
	open := n > 0 && r.pauses[n-1][1] == 0
	switch {
	case p.On && !open:
		r.pauses = append(r.pauses, [2]int64{us, 0})
	case !p.On && open:
		r.pauses[n-1][1] = us
	}
}

// clock turns a moment into the time of the recording, of which pauses are cut out.
func (r *reducer) clock(us int64) time.Duration {
	at := us - r.epoch
	for _, p := range r.pauses {
		to := p[1]
		if to == 0 || to > us {
			to = us
		}
		at -= max(0, to-p[0])
	}
	return time.Duration(max(0, at)) * time.Microsecond
}

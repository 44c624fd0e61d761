package doctor

import (
	"fmt"
	"slices"
	"strings"

	"steno/internal/bot"
)

// verdict writes what came of the visit and what to do, and returns how bad it is.
func (v *visit) verdict() Level {
	fmt.Fprintf(v.Out, "\n== verdict\n")
	if never := v.never(); len(never) > 0 {
		fmt.Fprintf(v.Out, "   found nothing, which is right for what was not on show: %s\n", strings.Join(never, ", "))
	}
	worst := Fine
	for _, f := range v.findings() {
		worst = max(worst, f.Level)
		fmt.Fprintf(v.Out, "%-7s %s\n", mark(f.Level), f.Text)
		if f.Remedy != "" {
			fmt.Fprintf(v.Out, "%-7s %s\n", "", f.Remedy)
		}
	}
	fmt.Fprintln(v.Out, map[Level]string{
		Fine:     "The pack holds: bots can join, see who is there, and leave.",
		Doubtful: "Nothing is broken as far as was seen; see the warnings.",
		Broken:   "The pack does not hold: bots will fail here.",
	}[worst])
	return worst
}

// findings says what was seen of each thing that a bot needs.
func (v *visit) findings() (list []Finding) {
	if v.refused != nil {
		return append(list, v.refusal(v.refused.Code, v.refused.Reason))
	}
	if !v.sees(atDoor, "name_field") && v.seen[inCall] == nil {
		list = append(list, v.broken("selectors.name_field", "the page before joining shows no field for the name"))
	}
	switch {
	case v.seen[inCall] != nil:
		return append(list, v.inside()...)
	case v.ended.Code != "":
		return append(list, v.refusal(v.ended.Code, v.ended.Reason))
	case v.seen[behind] != nil:
		return append(list, v.broken("signals, signals_needed, selectors.tile, outs", "the lobby went away, and what came then is known neither for a call nor for an end"))
	case v.seen[inLobby] != nil:
		return append(list, doubtful("let the guest in, and run this again; or wait longer with --wait", "the lobby was seen, but nobody let the guest in within %s", v.Wait))
	}
	return append(list, v.broken("texts.join, selectors.join_button, texts.lobby, signals, selectors.tile", "neither lobby nor call were seen within %s", v.Wait))
}

// inside says what was seen of the call.
func (v *visit) inside() (list []Finding) {
	list = append(list, fine("the call was seen"))
	add := func(ok bool, text string, otherwise Finding) {
		if ok {
			otherwise = fine("%s", text)
		}
		list = append(list, otherwise)
	}
	add(v.sees(inCall, "leave"), "the button to leave is there", v.broken("selectors.leave", "there is no button to leave"))
	add(v.people > 0, fmt.Sprintf("%d people are in the list", v.people), v.broken("selectors.people_open, tile, tile_name, attributes.tile_id", "the list of people is empty"))
	if v.people > 0 {
		add(v.self, "the bot knows itself in the list", v.broken("selectors.tile_self, texts.self", "the bot does not know itself in the list: it would never be alone"))
	}
	if v.people == 1 {
		list = append(list, doubtful("run it again with somebody else in the call, who speaks", "nobody else was there: names, speaking and media cannot be judged"))
		return append(list, v.farewell()...)
	}
	add(v.sees(inCall, "chat_field", "chat_disabled"), "the chat is there", doubtful(v.mend("selectors.chat_open, chat_field, chat_disabled"), "no field for chat messages was seen"))
	add(v.speaks, "somebody is seen to speak", doubtful("if somebody spoke: "+v.mend("selectors.tile_speaking, speaker_name"), "nobody was seen to speak"))
	return append(append(list, v.flows()), v.farewell()...)
}

// content is true when all has been seen that a call can show.
func (v *visit) content() bool {
	v.left = true // so far nothing says otherwise
	return !slices.ContainsFunc(v.inside(), func(f Finding) bool { return f.Level != Fine })
}

// flows says whether media come in.
func (v *visit) flows() Finding {
	var first, last flow
	if n := len(v.media); n > 0 {
		first, last = v.media[0], v.media[n-1]
	}
	switch {
	case last.Audio+last.Video == 0:
		return doubtful("if somebody spoke, bots film this meeting: they need Xvfb and PulseAudio (steno doctor), and four times the processor time",
			"no media came in by RTCPeerConnection")
	case last.Total <= first.Total:
		return doubtful("if somebody spoke, see the screenshots: the connection may be blocked", "media tracks are there, but nothing more came in")
	}
	return fine("media come in: %d audio and %d video tracks, %d kB", last.Audio, last.Video, last.Total/1000)
}

// farewell says whether the way out was found.
func (v *visit) farewell() (list []Finding) {
	switch {
	case !v.left:
		list = append(list, v.broken("selectors.leave, leave_confirm", "the guest could not leave; look whether it is still in the meeting"))
	case v.ended.Code != "":
		list = append(list, doubtful("", "the meeting ended the visit before its time: %s (%s)", v.ended.Reason, v.ended.Code))
	default:
		list = append(list, fine("left"))
	}
	return list
}

// refusal says that the meeting did not want the guest, which may be true.
func (v *visit) refusal(code bot.EndCode, reason string) Finding {
	return doubtful("if the screenshots show something else: "+v.mend("outs, selectors.out_title, login_field"),
		"the meeting did not let the guest in: %s (%s). This says nothing of the call", reason, code)
}

func (v *visit) broken(what, text string, args ...any) Finding {
	return Finding{Level: Broken, Text: fmt.Sprintf(text, args...), Remedy: v.mend(what)}
}

// mend says how a pack is put right.
func (v *visit) mend(what string) string {
	return fmt.Sprintf("steno pack show %[1]s > PACKS/%[1]s.yaml, mend %[2]s with the pages in %[3]s, steno pack check, and run this again with --packs PACKS", v.Pack.Platform, what, v.Folder)
}

package pack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/andybalholm/cascadia"
	"gopkg.in/yaml.v3"

	"steno/internal/bot"
)

// Problem is a mistake in a pack: where it is and which rule it breaks.
type Problem struct {
	File  string
	Line  int    // 0: the place is not in the file
	Place string // "selectors.leave[1]"
	Rule  string
}

// Error is a line that a person can act on.
func (p *Problem) Error() string {
	where := p.File
	if p.Line > 0 {
		where += ":" + strconv.Itoa(p.Line)
	}
	if p.Place != "" {
		where += ": " + p.Place
	}
	return where + ": " + p.Rule
}

// Parse reads and checks a pack. The error, if any, joins a Problem for each
// mistake; file is only its name.
func Parse(file string, data []byte) (*Pack, error) {
	p := &Pack{text: string(data)}
	var tree yaml.Node
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return nil, &Problem{File: file, Rule: strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true) // a misspelt key would be passed over in silence
	if err := dec.Decode(p); err != nil {
		return nil, decodeError(file, err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, &Problem{File: file, Rule: "the file holds more than one document"}
	}
	c := checker{file: file, tree: &tree, pack: p}
	c.check()
	if len(c.problems) > 0 {
		return nil, errors.Join(c.problems...)
	}
	slices.SortStableFunc(p.Outs, func(a, b Out) int { return a.rank() - b.rank() })
	return p, nil
}

var yamlLine = regexp.MustCompile(`^line (\d+): (.*)$`)

func decodeError(file string, err error) error {
	var typed *yaml.TypeError
	if !errors.As(err, &typed) {
		if errors.Is(err, io.EOF) {
			return &Problem{File: file, Rule: "the file is empty"}
		}
		return &Problem{File: file, Rule: err.Error()}
	}
	var list []error
	for _, text := range typed.Errors {
		p := &Problem{File: file, Rule: text}
		if m := yamlLine.FindStringSubmatch(text); m != nil {
			p.Line, _ = strconv.Atoi(m[1])
			p.Rule = m[2]
		}
		list = append(list, p)
	}
	return errors.Join(list...)
}

type checker struct {
	file     string
	tree     *yaml.Node
	pack     *Pack
	problems []error
}

// wrong notes a broken rule at a place such as outs[3].code.
func (c *checker) wrong(place, format string, args ...any) {
	c.problems = append(c.problems, &Problem{File: c.file, Line: c.line(place), Place: place, Rule: fmt.Sprintf(format, args...)})
}

var step = regexp.MustCompile(`[^.\[\]]+`)

// line finds the line of a place, or of the nearest thing around it.
func (c *checker) line(place string) int {
	if len(c.tree.Content) == 0 {
		return 0
	}
	node := c.tree.Content[0]
	line := 0
	for _, s := range step.FindAllString(place, -1) {
		next := child(node, s)
		if next == nil {
			return line
		}
		node, line = next, next.Line
	}
	return line
}

func child(node *yaml.Node, name string) *yaml.Node {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == name {
				return node.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i < len(node.Content) {
			return node.Content[i]
		}
	}
	return nil
}

func (c *checker) check() {
	p := c.pack
	if p.Format != Format {
		c.wrong("format", "is %d; this program reads format %d", p.Format, Format)
	}
	if p.Engine != "" && p.Engine != bot.TrackEngine && p.Engine != bot.ScreenEngine {
		c.wrong("engine", "%q is none; there are %s and %s", p.Engine, bot.TrackEngine, bot.ScreenEngine)
	}
	if !Has(p.Platform) {
		c.wrong("platform", "%q has no pack; there are %s", p.Platform, list(Platforms()))
	}
	if p.Version == "" {
		c.wrong("version", "is missing; say which version of the pack this is, as 2026-11-25.1")
	}
	if p.SignalsNeeded < 2 || p.SignalsNeeded > len(p.Signals) {
		c.wrong("signals_needed", "is %d; a call is declared on two signals at least, and there are %d", p.SignalsNeeded, len(p.Signals))
	}
	if p.ChatLimit < 0 {
		c.wrong("chat_limit", "is less than none")
	}
	for place, l := range map[string][]string{
		"selectors.name_field": p.Selectors.NameField, "selectors.leave": p.Selectors.Leave, "selectors.tile": p.Selectors.Tile,
		"selectors.out_title": p.Selectors.OutTitle, "selectors.chat": p.Selectors.Chat,
	} {
		if len(l) == 0 {
			c.wrong(place, "is missing; without it nobody can join, leave, be seen, or be told apart from what the page says")
		}
	}
	for place, w := range map[string]Words{"texts.join": p.Texts.Join, "texts.lobby": p.Texts.Lobby} {
		if len(w.All()) == 0 && (place != "texts.join" || len(p.Selectors.JoinButton) == 0) {
			c.wrong(place, "is missing")
		}
	}
	p.eachSelector(c.selector)
	c.pages()
	c.texts()
	c.dialogs()
	c.layouts()
	c.outs()
}

// notCSS are words of the parser that no browser knows: there the selector
// would be an error at every look.
var notCSS = regexp.MustCompile(`:(contains|containsOwn|matches|matchesOwn|haschild|input)\b`)

func (c *checker) selector(place, selector string) {
	if _, err := cascadia.ParseGroup(selector); err != nil {
		c.wrong(place, "%q is no CSS selector: %v", selector, err)
	} else if word := notCSS.FindString(selector); word != "" {
		c.wrong(place, "%q uses %s, which browsers do not know", selector, word)
	}
}

func (c *checker) pages() {
	for i := range c.pack.Pages {
		r := &c.pack.Pages[i]
		re, err := regexp.Compile(r.Match)
		switch {
		case err != nil:
			c.wrong(fmt.Sprintf("pages[%d].match", i), "%q is no regular expression: %v", r.Match, err)
		case r.Match == "" || !strings.HasPrefix(r.Match, "^"):
			c.wrong(fmt.Sprintf("pages[%d].match", i), "must begin with ^, so that it fits addresses from their beginning")
		case r.Open == "":
			c.wrong(fmt.Sprintf("pages[%d].open", i), "is missing")
		}
		r.re = re
	}
}

var language = regexp.MustCompile(`^[a-z]{2}(-[A-Z]{2})?$`)

// texts checks what is compared with the page's words in lower case.
func (c *checker) texts() {
	t := reflect.ValueOf(c.pack.Texts)
	for i := range t.NumField() {
		name := t.Type().Field(i).Tag.Get("yaml")
		c.words("texts."+name, t.Field(i).Interface().(Words), name == "join" || name == "self")
	}
}

func (c *checker) words(place string, w Words, asWritten bool) {
	for lang, texts := range w {
		if !language.MatchString(lang) {
			c.wrong(place, "%q is no language; write it as en or pt-BR", lang)
		}
		for i, text := range texts {
			at := fmt.Sprintf("%s.%s[%d]", place, lang, i)
			switch {
			case strings.TrimSpace(text) != text || len(text) < 2:
				c.wrong(at, "%q is empty, too short, or has space around it", text)
			case !asWritten && text != strings.ToLower(text):
				c.wrong(at, "%q can never match: it is compared with text in lower case", text)
			case strings.ContainsAny(text, "‘’ʼ…"):
				c.wrong(at, "%q can never match: it is compared with text that has plain apostrophes and dots", text)
			}
		}
	}
}

func (c *checker) dialogs() {
	names := map[string]bool{}
	for i, d := range c.pack.Dialogs {
		at := fmt.Sprintf("dialogs[%d]", i)
		if d.Name == "" || names[d.Name] {
			c.wrong(at+".name", "%q is empty or there twice", d.Name)
		}
		names[d.Name] = true
		if len(d.When) == 0 {
			c.wrong(at+".when", "is missing; it is joining, staying or both")
		}
		for k, w := range d.When {
			if w != Joining && w != Staying {
				c.wrong(fmt.Sprintf("%s.when[%d]", at, k), "%q is neither joining nor staying", w)
			}
		}
		if len(d.Press.All()) == 0 && len(d.Click) == 0 {
			c.wrong(at, "answers nothing; it needs press or click")
		}
		c.words(at+".text", d.Text, false)
		c.words(at+".press", d.Press, true)
	}
}

func (c *checker) layouts() {
	for mode, steps := range c.pack.Layouts {
		if mode != bot.SpeakerView && mode != bot.GalleryView {
			c.wrong("layouts", "%q is neither %s nor %s", mode, bot.SpeakerView, bot.GalleryView)
		}
		for i, s := range steps {
			at := fmt.Sprintf("layouts.%s[%d]", mode, i)
			if len(s.Press.All()) == 0 && len(s.Click) == 0 {
				c.wrong(at, "clicks nothing; it needs press or click")
			}
			c.words(at+".press", s.Press, true)
		}
	}
}

// endCodes are those that a page can tell. UNKNOWN_ERROR: out, it does not say
// why.
var endCodes = []bot.EndCode{
	bot.EndNotAccepted, bot.EndTimeoutWaiting, bot.EndWaitingForHost, bot.EndCannotJoin, bot.EndInvalidURL, bot.EndLoginRequired,
	bot.EndRemoved, bot.EndMeetingEnded, bot.EndUnknown,
}

func (c *checker) outs() {
	if len(c.pack.Outs) == 0 {
		c.wrong("outs", "is missing; the bot would never know that it is out")
	}
	for i, o := range c.pack.Outs {
		at := fmt.Sprintf("outs[%d]", i)
		if !slices.Contains(endCodes, o.Code) {
			c.wrong(at+".code", "%q is none of %s", o.Code, list(endCodes))
		}
		if len(o.Text.All()) == 0 {
			c.wrong(at+".text", "is missing")
		}
		c.words(at+".text", o.Text, false)
	}
}

func list[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}

// eachSelector calls f with every selector of the pack.
func (p *Pack) eachSelector(f func(place, selector string)) {
	s := reflect.ValueOf(p.Selectors)
	for i := range s.NumField() {
		name := s.Type().Field(i).Tag.Get("yaml")
		for k, selector := range s.Field(i).Interface().([]string) {
			f(fmt.Sprintf("selectors.%s[%d]", name, k), selector)
		}
	}
	for name, selector := range p.Signals {
		f("signals."+name, selector)
	}
	for mode, steps := range p.Layouts {
		for i, s := range steps {
			for k, selector := range s.Click {
				f(fmt.Sprintf("layouts.%s[%d].click[%d]", mode, i, k), selector)
			}
		}
	}
	for i, d := range p.Dialogs {
		for key, selectors := range map[string][]string{"click": d.Click, "unless": d.Unless} {
			for k, selector := range selectors {
				f(fmt.Sprintf("dialogs[%d].%s[%d]", i, key, k), selector)
			}
		}
	}
}
